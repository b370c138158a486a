// Extension module krogh._core: registers the parts.
// SPDX-License-Identifier: BSD-3-Clause
#include "bindings.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() =
      "C++ core of krogh. The typed Python layer, not this module, is the documented API.";
  krogh::bindings::register_base(module);
  krogh::bindings::register_expr(module);
  krogh::bindings::register_model(module);
  krogh::bindings::register_simulate(module);
  krogh::bindings::register_line(module);
  krogh::bindings::register_volume(module);
  krogh::bindings::register_elliptic(module);
  krogh::bindings::register_diffuse(module);
  krogh::bindings::register_random(module);
  krogh::bindings::register_integrate(module);
}
