(** Theorem 2: a batch, one matrix a layer. With its factor and its hypothesis corrected. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Chain Positive Covariance Equilibrium Updates Inverses.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Lemma no_samples (F : fieldType) m B (M N : 'M[F]_(m, B)) : B = 0%N -> M = N.
Proof. by move=> B0; apply/matrixP=> i [j lt_jB]; exfalso; rewrite B0 in lt_jB. Qed.

Section Theorem2.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (s : nat -> F) (L B : nat).
Hypotheses (L0 : (0 < L)%N) (s0 : forall l, 0 < s l).

Variables (X : 'M[F]_(n 0, B)) (Y : 'M[F]_(n L, B)).

Local Notation S := (output_covariance T (scalars s) L).
Local Notation xhat := (feedforward T X).
Local Notation xstar := (equilibrium T (scalars s) X Y).
Local Notation r := (residual T X Y).

(** The prediction change of predictive coding whose update of layer l is multiplied by Σ_l A_l on the right. *)
Local Notation change A :=
  (prediction_change T L X (with_matrices (fun l => s l.+1 *: A l) (pc_update T (scalars s) X Y))).

Let unitS : S \in unitmx := output_covariance_invertible T (positive_scalars n s0) L0.

(** What each layer needs: its A_l takes the multiplier back to itself. *)
Lemma exact_change (A : forall l, 'M[F]_(n l)) (lam := multiplier T (scalars s) X Y) :
  (forall l, (l < L)%N -> B%:R^-1 *: (lam *m ((xstar l)^T *m A l *m xhat l)) = lam) -> change A = r.
Proof.
move=> exactA; rewrite (cancellation (s := s) (k := 1)) => [|l lt_lL]; first by rewrite scale1r mulKVmx.
by rewrite mul1r -[RHS](congr1 ( *:%R _) (exactA l lt_lL)) -scalemxAr -scalemxAl -scalemxAr !scalerA mulrC.
Qed.

(** Theorem 2 in the form of appendix H: X*ᵀ A X̂ = B I, where the paper writes I (eq. 47) for a factor that holds the
    mean over the batch (eq. 50). Then dŶ = R. *)
Theorem theorem_2_identity (A : forall l, 'M[F]_(n l)) :
  (forall l, (l < L)%N -> (xstar l)^T *m A l *m xhat l = B%:R%:M) -> change A = r.
Proof.
move=> idA; have [B0|B0] := posnP B; first exact: no_samples.
apply: exact_change => l lt_lL; rewrite idA // mul_mx_scalar scalerA mulVf ?scale1r //.
by rewrite pnatr_eq0 -lt0n.
Qed.

(** That form can only hold for few samples: no more than any layer before the output has units. *)
Theorem identity_bounds_widths (A : forall l, 'M[F]_(n l)) :
  (forall l, (l < L)%N -> (xstar l)^T *m A l *m xhat l = B%:R%:M) ->
  forall l, (l < L)%N -> (B <= n l)%N.
Proof.
move=> idA l lt_lL; have [->//|B0] := posnP B.
have := congr1 ( *:%R B%:R^-1) (idA l lt_lL).
rewrite scalemxAl scalemxAr scale_scalar_mx mulVf ?pnatr_eq0 -?lt0n // => /identity_bounds_batch.
by case.
Qed.

(** Theorem 2, sharp. For any generalised inverses A_l of the mean of x̂_{l-1} x*_{l-1}ᵀ: if in every layer
    rank(X̂_{l-1} X*_{l-1}ᵀ) = rank X̂_{l-1}, and the rows of R lie in the row space of X̂_{l-1}, then dŶ = R. *)
Theorem theorem_2_covariances (A : forall l, 'M[F]_(n l)) :
  (forall l, (l < L)%N -> generalised_inverse (mean_outer (xhat l) (xstar l)) (A l)) ->
  (forall l, (l < L)%N -> \rank (xhat l *m (xstar l)^T) = \rank (xhat l)) ->
  (forall l, (l < L)%N -> (r <= xhat l)%MS) ->
  change A = r.
Proof.
move=> genA rankM rowsR; have [B0|B0] := posnP B; first exact: no_samples.
apply: exact_change => l lt_lL.
have unitB : B%:R != 0 :> F by rewrite pnatr_eq0 -lt0n.
have /submxP[K def_r] := rowsR l lt_lL.
have genM : generalised_inverse (xhat l *m (xstar l)^T) (B%:R^-1 *: A l).
  have := congr1 ( *:%R B%:R) (genA l lt_lL); rewrite /mean_outer -!scalemxAl -!scalemxAr !scalerA.
  by rewrite mulfV // mul1r scale1r /generalised_inverse -scalemxAr -scalemxAl.
have := generalised_inverse_exact (rankM l lt_lL) genM; rewrite -scalemxAr -scalemxAl => exactA.
rewrite /multiplier def_r !mulmxA -[RHS]mulmxA -[in RHS]exactA -!scalemxAr.
by rewrite !mulmxA.
Qed.

End Theorem2.

(** ** Plain predictive coding *)

Section Plain.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (L B : nat).
Hypothesis L0 : (0 < L)%N.
Variables (X : 'M[F]_(n 0, B)) (Y : 'M[F]_(n L, B)) (A : forall l, 'M[F]_(n l)).

Local Notation xhat := (feedforward T X).
Local Notation xstar := (equilibrium T identities X Y).
Local Notation r := (residual T X Y).
Local Notation change := (prediction_change T L X (with_matrices A (pc_update T identities X Y))).

(** A_l is a generalised inverse of the mean of x̂_{l-1} x*_{l-1}ᵀ. The paper prints x*_{l-1} x̂_{l-1}ᵀ (eq. 27 and
    50), with which the statement is false: see Counterexamples.v. *)
Hypothesis genA : forall l, (l < L)%N -> generalised_inverse (mean_outer (xhat l) (xstar l)) (A l).

(** Theorem 2, sharp (eq. 26, 27, 46–50, corrected): dŶ = R. *)
Theorem theorem_2 :
  (forall l, (l < L)%N -> \rank (xhat l *m (xstar l)^T) = \rank (xhat l)) ->
  (forall l, (l < L)%N -> (r <= xhat l)%MS) ->
  change = r.
Proof.
move=> rankM rowsR; rewrite -[RHS](theorem_2_covariances (s := fun => 1) L0 (fun => ltr01) genA) //.
by apply: eq_bigr => l _; rewrite /with_matrices scale1r.
Qed.

(** Few samples: where rank(X̂_{l-1} X*_{l-1}ᵀ) = B in every layer, dŶ = R for all targets. *)
Theorem theorem_2_independent_samples :
  (forall l, (l < L)%N -> \rank (xhat l *m (xstar l)^T) = B) -> change = r.
Proof.
move=> rankM; have full l : (l < L)%N -> \rank (xhat l) = B.
  move=> lt_lL; apply/eqP; rewrite eqn_leq rank_leq_col -{1}(rankM l lt_lL); exact: mxrankM_maxl.
apply: theorem_2 => l lt_lL; first by rewrite rankM // full.
by apply: submx_full; rewrite /row_full full.
Qed.

(** A linear target: where no layer loses rank, dŶ = R for every number of samples. *)
Theorem theorem_2_linear_target :
  (forall l, (l < L)%N -> \rank (xhat l *m (xstar l)^T) = \rank (xhat l)) ->
  (forall l, (l < L)%N -> \rank (xhat l) = \rank X) ->
  (Y <= X)%MS ->
  change = r.
Proof.
move=> rankM rankX rowsY; apply: theorem_2 => // l lt_lL.
have eqX : (xhat l :=: X)%MS.
  have le_hX := feedforward_row_space T X l.
  by apply/eqmxP; rewrite le_hX -(geq_leqif (mxrank_leqif_sup le_hX)) rankX // leqnn.
by rewrite eqX addmx_sub ?eqmx_opp ?feedforward_row_space.
Qed.

End Plain.

(** The second hypothesis is needed, in this form: whatever the updates, dŶ = R only if the rows of R lie in the row
    space of X. *)
Theorem row_space_necessary (F : realFieldType) (n : nat -> nat) (T : maps F n) (L B : nat) (X : 'M[F]_(n 0%N, B))
    (Y : 'M[F]_(n L, B)) dW :
  prediction_change T L X dW = residual T X Y -> (residual T X Y <= X)%MS.
Proof. by move=> <-; apply: change_row_space. Qed.
