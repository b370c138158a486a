// Coefficients of Rosenbrock and explicit Runge-Kutta methods, with their sources.
// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <krogh/base/export.hpp>

namespace krogh::integrate {

/// Rosenbrock method in transformed form (Hairer & Wanner, Solving ODEs II, 1996, IV.7, eq. 7.25):
///
///   (1/(h gamma) I - J) u_i = F(t + alpha_i h, y + sum_j a_ij u_j) + (1/h) sum_j c_ij u_j
///                             + h gamma_i dF/dt,
///   y_new = y + sum_i m_i u_i,   error = sum_i e_i u_i,
///   y(theta) = (1 - theta) y + theta (y_new + (1 - theta) (k_1 + theta (k_2 + theta k_3))),
///   k_r = sum_i h_ri u_i.
struct RosenbrockTableau {
  const char* name;
  const char* source;
  int stages;
  int order;
  int embedded_order;
  int dense_order;
  bool is_w_method;  ///< keeps its order with any matrix in place of J
  double gamma;
  double a[8][8];
  double c[8][8];
  double alpha[8];
  double gamma_i[8];
  double m[8];
  double e[8];
  double h[3][8];
};

/// RODAS of Hairer & Wanner (1996): 6 stages, order 4(3), stiffly accurate, dense output of
/// order 3.
KROGH_EXPORT const RosenbrockTableau& rodas4();

/// Rodas5P of Steinebach (2023), BIT 63:27, doi 10.1007/s10543-023-00967-x: 8 stages, order 5(4),
/// stiffly accurate, dense output of order 4.
KROGH_EXPORT const RosenbrockTableau& rodas5p();

/// ROS34PW2 of Rang & Angermann (2005), BIT 45:761, doi 10.1007/s10543-005-0035-y: 4 stages, order
/// 3(2) with any matrix, stiffly accurate. The dense output is the only cubic with weights of order
/// 3 at every theta (four conditions per power, four weights), solved for here.
KROGH_EXPORT const RosenbrockTableau& ros34pw2();

/// Explicit Runge-Kutta method whose last stage is the first of the next step:
///
///   u_i = h F(t + alpha_i h, y + sum_j a_ij u_j),  y_new = y + sum_j a_sj u_j (the last row),
///   error = sum_i e_i u_i, dense output as above with k_r = sum_i h_ri u_i.
struct ExplicitTableau {
  const char* name;
  const char* source;
  int stages;
  int order;
  int embedded_order;
  int dense_order;
  double stability_interval;  ///< |R(z)| <= 1 for -stability_interval <= z <= 0
  double a[8][8];
  double alpha[8];
  double e[8];
  double h[3][8];
};

/// Tsit5 of Tsitouras (2011), Comput. Math. Appl. 62:770, doi 10.1016/j.camwa.2011.06.002:
/// 7 stages, order 5(4), dense output of order 4.
KROGH_EXPORT const ExplicitTableau& tsit5();

}  // namespace krogh::integrate
