"""Types of the C++ core. The typed Python layer, not this module, is the documented interface.

SPDX-License-Identifier: BSD-3-Clause
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int8 = NDArray[np.int8]
UInt8 = NDArray[np.uint8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

__version__: str

# --- base ---------------------------------------------------------------------------------------

def instruction_set() -> str: ...
def available_instruction_sets() -> list[str]: ...
def select_instruction_set(name: str) -> None: ...
def thread_limits() -> dict[str, int]: ...
def granted_threads(wanted: int = 0) -> int: ...
def thread_backend() -> str: ...
def philox(counter: Sequence[int], key: Sequence[int]) -> Any: ...
def normal_quantile(p: float) -> float: ...
def uniforms(seed: int, purpose: int, subjects: Int64, count: int) -> Float: ...
def standard_normals(seed: int, purpose: int, subjects: Int64, count: int) -> Float: ...
def tableau(method: str) -> dict[str, Any]: ...

# --- expressions and models ---------------------------------------------------------------------

class Graph:
    def __init__(self) -> None: ...
    def constant(self, value: float) -> int: ...
    def state(self, index: int) -> int: ...
    def parameter(self, index: int) -> int: ...
    def time(self) -> int: ...
    def unary(self, op: str, a: int) -> int: ...
    def binary(self, op: str, a: int, b: int) -> int: ...
    def select(self, condition: int, a: int, b: int) -> int: ...
    def choose(self, condition: int, a: int, b: int) -> int: ...
    def table(self, x: Sequence[float], y: Sequence[float], kind: str, argument: int) -> int: ...
    def evaluate(self, root: int, states: Float, parameters: Float, time: float = 0.0) -> float: ...
    def __len__(self) -> int: ...

class Program:
    def __init__(
        self,
        graph: Graph,
        names_states: Sequence[str],
        names_parameters: Sequence[str],
        derivatives: Sequence[int],
        initial: Sequence[int],
        outputs: Sequence[int],
        names_outputs: Sequence[str],
        bioavailability: Sequence[int] = ...,
        lag: Sequence[int] = ...,
        duration: Sequence[int] = ...,
        rate: Sequence[int] = ...,
        events: Sequence[tuple[int, int, Sequence[tuple[int, int]]]] = ...,
        stored_dose: Sequence[tuple[int, int, int, int, bool]] = ...,
        steady_initial: Sequence[str] = ...,
        scale: Sequence[int] = ...,
    ) -> None: ...
    @property
    def num_states(self) -> int: ...
    @property
    def num_parameters(self) -> int: ...
    @property
    def num_outputs(self) -> int: ...
    @property
    def num_surfaces(self) -> int: ...
    @property
    def is_linear(self) -> bool: ...
    @property
    def num_registers(self) -> int: ...
    @property
    def num_instructions(self) -> dict[str, int]: ...
    @property
    def jacobian_pattern(self) -> list[tuple[int, int]]: ...

class Schedule:
    def __init__(
        self,
        offsets: Int64,
        time: Float,
        kind: Int8,
        target: Int32,
        amount: Float,
        rate: Float,
        interval: Float,
        additional: Int32,
        steady: Int8,
        shared: bool = False,
    ) -> None: ...
    @property
    def is_shared(self) -> bool: ...
    @property
    def num_observations(self) -> int: ...

# --- point solver -------------------------------------------------------------------------------

METHODS: tuple[str, ...]

class PointRun:
    values: Float
    sensitivities: Float | None
    metrics: Float | None
    final_states: Float | None
    @property
    def method(self) -> str: ...
    @property
    def methods(self) -> NDArray[np.int8]: ...
    @property
    def lanes(self) -> int: ...
    @property
    def num_threads(self) -> int: ...
    @property
    def stats(self) -> Mapping[str, Int64]: ...
    @property
    def status(self) -> Int32: ...
    @property
    def steady_residual(self) -> Float: ...
    @property
    def failures(self) -> list[tuple[int, int, str, float, int, str]]: ...

def simulate_point(
    program: Program,
    parameters: Float,
    schedule: Schedule,
    *,
    num_subjects: int = 0,
    rtol: float = 1e-6,
    atol: Sequence[float] = ...,
    method: str = "auto",
    max_step: float = 0.0,
    first_step: float = 0.0,
    fixed_step: float = 0.0,
    max_steps: int = 1_000_000,
    lanes: int = 0,
    sensitivities: Sequence[tuple[str, int]] = ...,
    windows: Sequence[tuple[float, float]] = ...,
    thresholds: Sequence[float] = ...,
    subject_windows: Float | None = None,
    initial_states: Float | None = None,
    final_states: bool = False,
    stop_on_failure: bool = False,
    num_threads: int = 0,
    progress: Callable[[int, int, float], Any] | None = None,
    out: Float | None = None,
) -> PointRun: ...

# --- line solver --------------------------------------------------------------------------------

def diffuse_adi(
    values: Float,
    spacing: Sequence[float],
    diffusivity: float,
    decay: float,
    step: float,
    num_steps: int,
    *,
    num_threads: int = 0,
) -> None: ...
def line_grid(geometry: str, faces: Sequence[float]) -> dict[str, Float]: ...
def graded_faces(inner: float, outer: float, num_cells: int, growth: float = 1.0) -> Float: ...

class LineRun:
    values: Float
    contents: Float
    entered: Float
    final_states: Float | None
    plasma: Float | None
    vessel: Float | None
    sensitivities: Float | None
    content_sensitivities: Float | None
    entered_sensitivities: Float | None
    plasma_sensitivities: Float | None
    @property
    def width(self) -> int: ...
    @property
    def num_threads(self) -> int: ...
    @property
    def stats(self) -> Mapping[str, Int64]: ...
    @property
    def status(self) -> Int32: ...
    @property
    def failures(self) -> list[tuple[int, int, str, float, int, int, bool]]: ...

def simulate_line(
    program: Program,
    parameters: Float,
    geometry: str,
    faces: Float,
    mobile: Sequence[tuple[int, str, int, str, int]],
    diffusivity: Float,
    fraction: Float,
    record_times: Float,
    *,
    permeability: Float | None = None,
    field_parameters: Sequence[int] = ...,
    fields: Float | None = None,
    initial: Float | None = None,
    rates: Float | None = None,
    pulse_times: Float | None = None,
    pulse_amplitudes: Float | None = None,
    table_times: Float | None = None,
    table_values: Float | None = None,
    begin: float = 0.0,
    num_lines: int = 1,
    rtol: float = 1e-3,
    atol: Sequence[float] = ...,
    max_step: float = 0.0,
    first_step: float = 0.0,
    fixed_step: float = 0.0,
    max_steps: int = 1_000_000,
    width: int = 0,
    signed_states: Sequence[int] = ...,
    recorded: Sequence[int] = ...,
    final_states: bool = False,
    num_threads: int = 0,
    progress: Callable[[int, int, float], Any] | None = None,
    plasma: Program | None = None,
    plasma_parameters: Float | None = None,
    plasma_initial: Float | None = None,
    exchange: Sequence[tuple[int, int, int]] = ...,
    outside_factor: Float | None = None,
    uptake_factor: Float | None = None,
    plasma_atol: Sequence[float] = ...,
    plasma_signed_states: Sequence[int] = ...,
    dose_offsets: Int64 | None = None,
    dose_times: Float | None = None,
    dose_states: Int32 | None = None,
    dose_amounts: Float | None = None,
    dose_kinds: Int8 | None = None,
    branches: Sequence[int] = ...,
    branch_weights: Float | None = None,
    velocity: Float | None = None,
    axial_flow: Float | None = None,
    axial_lengths: Float | None = None,
    axial_radii: Float | None = None,
    axial_initial: Float | None = None,
    d_parameters: Float | None = None,
    d_fields: Float | None = None,
    d_initial: Float | None = None,
    d_faces: Float | None = None,
    d_diffusivity: Float | None = None,
    d_fraction: Float | None = None,
    d_permeability: Float | None = None,
    d_velocity: Float | None = None,
    d_rates: Float | None = None,
    d_pulse_amplitudes: Float | None = None,
    d_table_values: Float | None = None,
    d_plasma_parameters: Float | None = None,
    d_plasma_initial: Float | None = None,
    d_outside_factor: Float | None = None,
    d_uptake_factor: Float | None = None,
    d_dose_amounts: Float | None = None,
) -> LineRun: ...

class VolumeRun:
    @property
    def values(self) -> Float: ...
    @property
    def contents(self) -> Float: ...
    @property
    def exchanged(self) -> Float: ...
    @property
    def entered(self) -> Float: ...
    @property
    def num_threads(self) -> int: ...
    @property
    def stats(self) -> dict[str, int]: ...
    @property
    def status(self) -> int: ...
    @property
    def plasma(self) -> Float | None: ...
    @property
    def state(self) -> dict[str, Any] | None: ...
    @property
    def error(self) -> BaseException | None: ...
    def fed(self) -> Float: ...
    @property
    def failures(self) -> list[tuple[int, str, float, int, int, bool]]: ...

def simulate_volume(
    program: Program,
    parameters: Float,
    faces_x: Float,
    faces_y: Float,
    faces_z: Float,
    mobile: Sequence[tuple[int, Sequence[tuple[str, float, int]]]],
    diffusivity: Float,
    fraction: Float,
    record_times: Float,
    *,
    regions: UInt8 | None = None,
    num_regions: int = 1,
    axes: int = 1,
    exchange: Sequence[tuple[int, int]] = ...,
    exchange_rates: Float | None = None,
    field_parameters: Sequence[int] = ...,
    fields: Float | None = None,
    initial: Float | None = None,
    rates: Float | None = None,
    pulse_times: Float | None = None,
    pulse_amplitudes: Float | None = None,
    table_times: Float | None = None,
    table_values: Float | None = None,
    begin: float = 0.0,
    rtol: float = 1e-3,
    atol: Sequence[float] = ...,
    linear_rtol: float = 1e-2,
    max_step: float = 0.0,
    first_step: float = 0.0,
    fixed_step: float = 0.0,
    max_steps: int = 1_000_000,
    signed_states: Sequence[int] = ...,
    recorded: Sequence[int] = ...,
    num_threads: int = 0,
    progress: Callable[[int, int, float], Any] | None = None,
    plasma: Program | None = None,
    plasma_parameters: Float | None = None,
    plasma_initial: Float | None = None,
    plasma_exchange: Sequence[tuple[int, int]] = ...,
    outside_factor: Float | None = None,
    uptake_factor: Float | None = None,
    plasma_atol: Sequence[float] = ...,
    plasma_signed_states: Sequence[int] = ...,
    dose_times: Float | None = None,
    dose_states: Int32 | None = None,
    dose_amounts: Float | None = None,
    dose_kinds: Int8 | None = None,
    exchange_out_rates: Float | None = None,
    membranes: Sequence[tuple[int, int, int, float]] = ...,
    partition: Float | None = None,
    velocity_x: Float | None = None,
    velocity_y: Float | None = None,
    velocity_z: Float | None = None,
    retardation: Float | None = None,
    corrected: bool = True,
    method: str = "ros34pw2",
    exchange_factors: Sequence[int] = ...,
    plasma_feeds: Sequence[tuple[int, int, float]] = ...,
    jump_times: Float | None = None,
    jump_states: Sequence[int] = ...,
    jump: Callable[[int, Float], Float] | None = None,
    on_record: Callable[[int, Float], Any] | None = None,
    on_state: Callable[[dict[str, Any], Float, Float, Float, Float, Float, Float | None], Any]
    | None = None,
    state_seconds: float = 0.0,
    state_steps: int = 0,
    one_record: bool = False,
    keep_end: bool = False,
    resume: dict[str, Any] | None = None,
    returns_errors: bool = False,
    changes: Sequence[
        tuple[float, Float | None, Float | None, Float | None, Float | None, Float | None]
    ] = ...,
    linear: str = "auto",
) -> VolumeRun: ...

class EllipticSolver:
    def __init__(
        self,
        faces_x: Float,
        faces_y: Float,
        faces_z: Float,
        conductivity: Float,
        *,
        axes: int = 1,
        sides: Sequence[tuple[str, float]] = ...,
        regions: UInt8 | None = None,
    ) -> None: ...
    @property
    def num_voxels(self) -> int: ...
    @property
    def num_floating(self) -> int: ...
    def set_absorption(self, absorption: Float, *, num_threads: int = 0) -> None: ...
    def solve(
        self,
        source: Float,
        *,
        outside: Sequence[float] = ...,
        guess: Float | None = None,
        tolerance: float = 1e-10,
        max_cycles: int = 200,
        num_threads: int = 0,
        progress: Callable[[int, int, float], Any] | None = None,
    ) -> tuple[Float, int, int, float, int]: ...
    def apply(self, values: Float, *, num_threads: int = 0) -> Float: ...
    def precondition(self, values: Float, *, num_threads: int = 0) -> Float: ...
    def fluxes(
        self, values: Float, outside: Sequence[float], shape: tuple[int, int, int]
    ) -> tuple[Float, Float, Float]: ...
