(** Theorem 1: one sample, one learning rate a layer. And "Theorem 3": the covariances that make rates needless. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Chain Positive Covariance Equilibrium Updates.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Theorem1.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (L : nat).
Hypothesis L0 : (0 < L)%N.

Variables (X : 'cV[F]_(n 0)) (Y : 'cV[F]_(n L)).

Local Notation xhat := (feedforward T X).
Local Notation r := (residual T X Y).

(** For one sample the matrix Zᵀ X̂ is a number. *)
Lemma mean_dot1 m (z z' : 'cV[F]_m) : z^T *m z' = (mean_dot z z')%:M.
Proof. by rewrite /mean_dot invr1 mul1r trace_mx11 -mx11_scalar. Qed.

(** For any multiplier v and any activities z, the rates Σ_l / (z_{l-1}ᵀ x̂_{l-1}) move the prediction by S v. *)
Lemma adaptive_change (s : nat -> F) v (z : activity F n 1) :
  (forall l, (l < L)%N -> mean_dot (z l) (xhat l) != 0) ->
  prediction_change T L X (with_rates (fun l => s l.+1 / mean_dot (z l) (xhat l)) (outer_update T v z))
  = output_covariance T (scalars s) L *m v.
Proof.
move=> dot0; rewrite with_rates_matrices -[RHS]scale1r; apply: cancellation => l lt_lL.
rewrite mul_mx_scalar -scalemxAl mean_dot1 scale_scalar_mx divfK ?dot0 //.
by rewrite mul_mx_scalar invr1 scale1r mul1r.
Qed.

(** With scalar covariances Σ_l > 0 and rates α_l = Σ_l / (x*_{l-1}ᵀ x̂_{l-1}), dŷ = r. *)
Theorem theorem_1_covariances (s : nat -> F) (xstar := equilibrium T (scalars s) X Y) :
  (forall l, 0 < s l) ->
  (forall l, (l < L)%N -> mean_dot (xstar l) (xhat l) != 0) ->
  prediction_change T L X
    (with_rates (fun l => s l.+1 / mean_dot (xstar l) (xhat l)) (pc_update T (scalars s) X Y)) = r.
Proof.
move=> s0 dot0; rewrite adaptive_change // mulKVmx //.
exact/output_covariance_invertible/L0/positive_scalars.
Qed.

(** Theorem 1 (eq. 23, 24 and 37–41). If x*_{l-1}ᵀ x̂_{l-1} ≠ 0 in every layer, predictive coding with the rates
    α_l = 1 / (x*_{l-1}ᵀ x̂_{l-1}) changes the prediction by the residual: dŷ = r. *)
Theorem theorem_1 (xstar := equilibrium T identities X Y) :
  (forall l, (l < L)%N -> mean_dot (xstar l) (xhat l) != 0) ->
  prediction_change T L X (with_rates (fun l => 1 / mean_dot (xstar l) (xhat l)) (pc_update T identities X Y)) = r.
Proof. by apply: (theorem_1_covariances (s := fun => 1)) => l; apply: ltr01. Qed.

(** Backpropagation with the rates 1 / (x̂_{l-1}ᵀ x̂_{l-1}) leaves S: dŷ = S r (eq. 25). *)
Theorem bp_adaptive :
  (forall l, (l < L)%N -> mean_dot (xhat l) (xhat l) != 0) ->
  prediction_change T L X (with_rates (fun l => 1 / mean_dot (xhat l) (xhat l)) (bp_update T X Y))
  = output_covariance T identities L *m r.
Proof. exact: (adaptive_change (fun => 1)). Qed.

(** "Theorem 3". If the scalar covariances are proportional to x*_{l-1}ᵀ x̂_{l-1}, which depends on them, plain
    predictive coding changes the prediction by r / c, … *)
Theorem theorem_3 (s : nat -> F) c (xstar := equilibrium T (scalars s) X Y) :
  (forall l, 0 < s l) -> c != 0 ->
  (forall l, (l < L)%N -> s l.+1 = c * mean_dot (xstar l) (xhat l)) ->
  prediction_change T L X (pc_update T (scalars s) X Y) = c^-1 *: r.
Proof.
move=> s0 c0 fixed; rewrite -with_matrices1 (cancellation (s := s) (k := c^-1)) => [|l lt_lL].
  by rewrite mulKVmx //; apply/output_covariance_invertible/L0/positive_scalars.
by rewrite mulmx1 mean_dot1 fixed // mulKf // mul_mx_scalar invr1 scale1r.
Qed.

(** … and c cannot be negative, since the first product is ‖x‖²: the alignment is one. *)
Theorem theorem_3_aligned (s : nat -> F) c (xstar := equilibrium T (scalars s) X Y) :
  (forall l, 0 < s l) ->
  (forall l, (l < L)%N -> s l.+1 = c * mean_dot (xstar l) (xhat l)) ->
  aligned r (prediction_change T L X (pc_update T (scalars s) X Y)).
Proof.
move=> s0 fixed; have dot_ge0 : 0 <= mean_dot X X.
  by have := quadratic_ge0 X (posdef1 F (n 0)); rewrite /quadratic mulmx1 /mean_dot invr1 mul1r.
have : 0 < c * mean_dot X X by have := s0 1%N; rewrite (fixed 0%N).
have [-> |dot0] := eqVneq (mean_dot X X) 0; first by rewrite mulr0 ltxx.
have dot_gt0 : 0 < mean_dot X X by rewrite lt_def dot0.
rewrite pmulr_lgt0 // => c0.
exists c^-1; first by rewrite invr_gt0.
by apply: theorem_3 => //; rewrite gt_eqF.
Qed.

End Theorem1.
