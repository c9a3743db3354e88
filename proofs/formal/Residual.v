(** Residual networks x_l = x_{l-1} + W_l x_{l-1} + ε_l: the theorems hold with the maps I + W_l. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp poly matrix mxalgebra.
From DLN Require Import Chain Positive Covariance Equilibrium Updates Theorem1 Inverses Theorem2 FirstOrder.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Residual.

Variables (F : realFieldType) (m L B : nat).

(** Every layer has m units; W l and dW l are the W_{l+1} and ΔW_{l+1} behind the skip. *)
Local Notation widths := (fun _ : nat => m).

Definition residual_maps (W : nat -> 'M[F]_m) : maps F widths := fun l => 1%:M + W l.

Variables (W dW : nat -> 'M[F]_m).
Local Notation T := (residual_maps W).

(** A step of the weights is a step of the maps, so [prediction_change] is the derivative here too. *)
Theorem residual_step t l : residual_maps (fun k => W k + t *: dW k) l = step T dW t l.
Proof. by rewrite /residual_maps /step addrA. Qed.

(** S = I + (I + W_L) S_{L-1} (I + W_L)ᵀ (eq. 60). *)
Theorem residual_covariance :
  output_covariance T identities L.+1
  = 1%:M + (1%:M + W L) *m output_covariance T identities L *m (1%:M + W L)^T.
Proof. exact: output_covariance_recursion. Qed.

Hypothesis L0 : (0 < L)%N.

(** Theorem 1 for residual networks (appendix I, corrected). The scalar to cancel is that of eq. 66, x*_{l-1}ᵀ x̂_{l-1};
    appendix I prints x*_{l-1}ᵀ x*_{l-1}: see Counterexamples.v. *)
Theorem theorem_1_residual (X Y : 'cV[F]_m) (xhat := feedforward T X) (xstar := equilibrium T (L := L) identities X Y) :
  (forall l, (l < L)%N -> mean_dot (xstar l) (xhat l) != 0) ->
  prediction_change T L X
    (with_rates (fun l => 1 / mean_dot (xstar l) (xhat l)) (pc_update T (L := L) identities X Y)) = Y - xhat L.
Proof. exact: theorem_1. Qed.

(** Theorem 2 for residual networks. *)
Theorem theorem_2_residual (X Y : 'M[F]_(m, B)) (A : nat -> 'M[F]_m)
    (xhat := feedforward T X) (xstar := equilibrium T (L := L) identities X Y) :
  (forall l, (l < L)%N -> generalised_inverse (mean_outer (xhat l) (xstar l)) (A l)) ->
  (forall l, (l < L)%N -> \rank (xhat l *m (xstar l)^T) = \rank (xhat l)) ->
  (forall l, (l < L)%N -> (Y - xhat L <= xhat l)%MS) ->
  prediction_change T L X (with_matrices A (pc_update T (L := L) identities X Y)) = Y - xhat L.
Proof. exact: theorem_2. Qed.

End Residual.
