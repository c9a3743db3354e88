(** The weight updates of predictive coding and of backpropagation, and the changes of the prediction that they make. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Chain Positive Covariance Equilibrium.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Definitions.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n) (L B : nat).
Variables (X : 'M[F]_(n 0, B)) (Y : 'M[F]_(n L, B)).

(** (1/B) D_lᵀ v z_{l-1}ᵀ: what both rules have in common. *)
Definition outer_update (v : 'M[F]_(n L, B)) (z : activity F n B) : maps F n :=
  fun l => B%:R^-1 *: ((downstream T L l.+1)^T *m v *m (z l)^T).

(** ΔW_l = (1/B) D_lᵀ S⁻¹ R X*_{l-1}ᵀ (eq. 7 and 44). *)
Definition pc_update := outer_update (multiplier T C X Y) (equilibrium T C X Y).

(** ΔW_l = (1/B) D_lᵀ R X̂_{l-1}ᵀ (eq. 42). *)
Definition bp_update := outer_update (residual T X Y) (feedforward T X).

End Definitions.

(** Learning rates α_l, and matrices A_l on the right of the update. They bear the number of their update. *)
Definition with_rates (F : realFieldType) n (alpha : nat -> F) (dW : maps F n) : maps F n :=
  fun l => alpha l *: dW l.

Definition with_matrices (F : realFieldType) n (A : forall l, 'M[F]_(n l)) (dW : maps F n) : maps F n :=
  fun l => dW l *m A l.

(** The mean over the samples of the scalar product zᵀ z'. *)
Definition mean_dot (F : realFieldType) m B (z z' : 'M[F]_(m, B)) : F := B%:R^-1 * \tr (z^T *m z').

(** The mean over the samples of the matrix z z'ᵀ. *)
Definition mean_outer (F : realFieldType) m m' B (z : 'M[F]_(m, B)) (z' : 'M[F]_(m', B)) : 'M[F]_(m, m') :=
  B%:R^-1 *: (z *m z'^T).

(** The prediction moves straight towards the target: the target alignment (eq. 5) is one. *)
Definition aligned (F : realFieldType) m B (r dY : 'M[F]_(m, B)) := exists2 k : F, 0 < k & dY = k *: r.

Section Change.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (L B : nat).
Variables (X : 'M[F]_(n 0, B)) (Y : 'M[F]_(n L, B)).

Local Notation D := (downstream T L).
Local Notation xhat := (feedforward T X).
Implicit Types (v : 'M[F]_(n L, B)) (z : activity F n B).

Lemma outer_update_change (A : forall l, 'M[F]_(n l)) v z :
  prediction_change T L X (with_matrices A (outer_update T v z))
  = B%:R^-1 *: \sum_(l < L) D l.+1 *m (D l.+1)^T *m v *m ((z l)^T *m A l *m xhat l).
Proof.
rewrite /prediction_change /with_matrices /outer_update scaler_sumr; apply: eq_bigr => l _.
by rewrite -!scalemxAl -scalemxAr -scalemxAl !mulmxA.
Qed.

Lemma with_matrices1 (dW : maps F n) :
  prediction_change T L X (with_matrices (fun l => 1%:M) dW) = prediction_change T L X dW.
Proof. by apply: eq_bigr => l _; rewrite /with_matrices mulmx1. Qed.

Lemma with_rates_matrices alpha (dW : maps F n) :
  prediction_change T L X (with_rates alpha dW)
  = prediction_change T L X (with_matrices (fun l => (alpha l)%:M) dW).
Proof. by apply: eq_bigr => l _; rewrite /with_matrices mul_mx_scalar. Qed.

(** dŶ = (1/B) Σ_l D_l D_lᵀ S⁻¹ R X*_{l-1}ᵀ X̂_{l-1} for predictive coding (eq. 8 and 45). *)
Theorem pc_change C :
  prediction_change T L X (pc_update T C X Y)
  = B%:R^-1 *: \sum_(l < L) D l.+1 *m (D l.+1)^T *m invmx (output_covariance T C L) *m residual T X Y
                            *m ((equilibrium T C X Y l)^T *m xhat l).
Proof.
rewrite -with_matrices1 outer_update_change; congr (_ *: _); apply: eq_bigr => l _.
by rewrite mulmx1 !mulmxA.
Qed.

(** dŶ = (1/B) Σ_l D_l D_lᵀ R X̂_{l-1}ᵀ X̂_{l-1} for backpropagation (eq. 6 and 43). *)
Theorem bp_change :
  prediction_change T L X (bp_update T X Y)
  = B%:R^-1 *: \sum_(l < L) D l.+1 *m (D l.+1)^T *m residual T X Y *m ((xhat l)^T *m xhat l).
Proof.
rewrite -with_matrices1 outer_update_change; congr (_ *: _); apply: eq_bigr => l _.
by rewrite mulmx1 !mulmxA.
Qed.

(** The cancellation of Theorems 1 to 3. If the batch's matrix Z_{l-1}ᵀ A_l X̂_{l-1}, which stands between v and the
    samples, acts on v as the number B k s_l, the updates move the prediction by k S v. *)
Lemma cancellation (s : nat -> F) k (A : forall l, 'M[F]_(n l)) v z :
  (forall l, (l < L)%N -> B%:R^-1 *: (v *m ((z l)^T *m A l *m xhat l)) = (k * s l.+1) *: v) ->
  prediction_change T L X (with_matrices A (outer_update T v z)) = k *: (output_covariance T (scalars s) L *m v).
Proof.
move=> exact_l; rewrite outer_update_change mulmx_suml !scaler_sumr; apply: eq_bigr => l _.
rewrite -[_ *m v *m _]mulmxA scalemxAr exact_l ?ltn_ord // -scalemxAr -scalerA mul_mx_scalar.
by rewrite -!scalemxAl.
Qed.

(** Whatever the updates, the prediction moves within the row space of the input. *)
Lemma change_row_space (dW : maps F n) : (prediction_change T L X dW <= X)%MS.
Proof.
apply: summx_sub => l _; apply: submx_trans (submxMl _ _) _.
exact: feedforward_row_space.
Qed.

End Change.
