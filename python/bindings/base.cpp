// Errors, threads, instruction sets.
// SPDX-License-Identifier: BSD-3-Clause
#include <krogh/base/isa.hpp>
#include <krogh/base/parallel.hpp>
#include <krogh/base/thread_limits.hpp>
#include <krogh/base/version.hpp>

#include "bindings.hpp"

namespace krogh::bindings {

void register_base(py::module_& module) {
  module.attr("__version__") = KROGH_VERSION;
  // The core's InvalidInput becomes ValueError here; the Python layer adds code and context.
  py::register_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const InvalidInput& invalid) {
      PyErr_SetString(PyExc_ValueError, invalid.what());
    }
  });
  module.def("instruction_set", [] { return std::string(name_of(selected_instruction_set())); });
  module.def("available_instruction_sets", [] {
    std::vector<std::string> names;
    for (auto set : {InstructionSet::plain, InstructionSet::x86_v2, InstructionSet::x86_v3,
                     InstructionSet::x86_v4})
      if (is_available(set)) names.emplace_back(name_of(set));
    return names;
  });
  module.def("select_instruction_set", [](const std::string& name) {
    for (auto set : {InstructionSet::plain, InstructionSet::x86_v2, InstructionSet::x86_v3,
                     InstructionSet::x86_v4})
      if (name_of(set) == name) return select_instruction_set(set);
    throw InvalidInput("unknown instruction set '" + name + "'");
  });
  module.def("thread_limits", [] {
    const ThreadLimits limits = thread_limits();
    py::dict found;
    found["processors"] = limits.processors;
    found["cgroup"] = limits.cgroup;
    return found;
  });
  module.def("granted_threads", &granted_threads, py::arg("wanted") = 0);
  module.def("thread_backend", [] { return std::string(thread_backend()); });
}

}  // namespace krogh::bindings
