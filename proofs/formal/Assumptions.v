(** What each theorem of theorems.toml rests on. The answer must be "Closed under the global context": no axioms. *)

From DLN Require Covariance Equilibrium Updates Theorem1 Inverses Theorem2
  FirstOrder EnergyGradient Spike Nudging Residual Counterexamples.

Print Assumptions Covariance.output_covariance_recursion.
Print Assumptions Covariance.output_covariance_first.
Print Assumptions Covariance.output_covariance_plain.
Print Assumptions Covariance.output_covariance_symmetric.
Print Assumptions Covariance.output_covariance_bound.
Print Assumptions Covariance.output_covariance_posdef.
Print Assumptions Covariance.output_covariance_invertible.
Print Assumptions Equilibrium.gradient_of_energy.
Print Assumptions Equilibrium.equilibrium_clamp.
Print Assumptions Equilibrium.equilibrium_error.
Print Assumptions Equilibrium.equilibrium_smoothing.
Print Assumptions Equilibrium.equilibrium_stationary.
Print Assumptions Equilibrium.equilibrium_minimal.
Print Assumptions Equilibrium.equilibrium_unique.
Print Assumptions Equilibrium.equilibrium_energy.
Print Assumptions Updates.pc_change.
Print Assumptions Updates.bp_change.
Print Assumptions Theorem1.theorem_1.
Print Assumptions Theorem1.theorem_1_covariances.
Print Assumptions Theorem1.bp_adaptive.
Print Assumptions Theorem1.theorem_3.
Print Assumptions Theorem1.theorem_3_aligned.
Print Assumptions Inverses.exact_matrix_exists.
Print Assumptions Inverses.identity_bounds_batch.
Print Assumptions Theorem2.theorem_2_identity.
Print Assumptions Theorem2.identity_bounds_widths.
Print Assumptions Theorem2.theorem_2_covariances.
Print Assumptions Theorem2.theorem_2.
Print Assumptions Theorem2.theorem_2_independent_samples.
Print Assumptions Theorem2.theorem_2_linear_target.
Print Assumptions Theorem2.row_space_necessary.
Print Assumptions FirstOrder.prediction_derivative.
Print Assumptions FirstOrder.first_order.
Print Assumptions FirstOrder.bp_gradient.
Print Assumptions EnergyGradient.pc_gradient.
Print Assumptions Spike.attenuation.
Print Assumptions Spike.spike.
Print Assumptions Spike.spike_update.
Print Assumptions Spike.inference_exists.
Print Assumptions Nudging.nudged_clamp.
Print Assumptions Nudging.theorem_1_nudged.
Print Assumptions Nudging.soft_output_minimal.
Print Assumptions Nudging.soft_output_unique.
Print Assumptions Nudging.soft_output_limit.
Print Assumptions Nudging.soft_output_change.
Print Assumptions Residual.residual_step.
Print Assumptions Residual.residual_covariance.
Print Assumptions Residual.theorem_1_residual.
Print Assumptions Residual.theorem_2_residual.
Print Assumptions Counterexamples.printed_theorem_2.
Print Assumptions Counterexamples.printed_appendix_I.
Print Assumptions Counterexamples.printed_batch_rates.
