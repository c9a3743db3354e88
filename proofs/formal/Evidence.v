(** Fisher's identity: the posterior mean of the local update is the gradient of the evidence, term by term. *)

From mathcomp Require Import all_ssreflect all_algebra.
From DLN Require Import Chain Positive Covariance Equilibrium.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Definitions.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n) (L : nat).

Local Notation D := (downstream T L).
Local Notation S := (output_covariance T C).

(** Before the output is known, layer l has the covariance S_l, and the output and layer l have D_l S_l. *)
Definition with_output l : 'M[F]_(n L, n l) := D l *m S l.

(** Conditioning on the output takes Cov(x_k, y) S⁻¹ Cov(y, x_l) from the covariance of the layers k and l. *)
Definition given_output k l (before : 'M[F]_(n k, n l)) : 'M[F]_(n k, n l) :=
  before - (with_output k)^T *m (invmx (S L) *m with_output l).

(** The posterior covariance of the error ε_{l+1} = x_{l+1} − T_{l+1} x_l with x_l. Before the output is known,
    x_{l+1} and x_l have T_{l+1} S_l, as ε_{l+1} is independent of x_l. *)
Definition error_covariance l : 'M[F]_(n l.+1, n l) :=
  given_output (T l *m S l) - T l *m given_output (S l).

(** D_lᵀ S⁻¹ D_l T_l S_{l-1}: the gradient of ½ log det S with respect to a weight T_l. *)
Definition determinant_update l : 'M[F]_(n l.+1, n l) :=
  (D l.+1)^T *m invmx (S L) *m D l.+1 *m T l *m S l.

End Definitions.

Section Evidence.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n) (L B : nat).
Hypothesis posC : positive C.

Local Notation D := (downstream T L).
Local Notation S := (output_covariance T C).

(** What predictive coding leaves out, Σ_l⁻¹ Cov(ε_l, x_{l-1}), is minus the update of ½ log det S. *)
Theorem error_covariance_update l :
  (l < L)%N -> invmx (C l.+1) *m error_covariance T C L l = - determinant_update T C L l.
Proof.
move=> lt_lL; pose K := invmx (S L) *m with_output T C L l.
have -> : error_covariance T C L l = - (C l.+1 *m (D l.+1)^T *m K).
  rewrite /error_covariance /given_output -/K mulmxBr opprB addrC addrA addrNK.
  rewrite /with_output !trmx_mul !output_covariance_symmetric // (downstream_rec _ lt_lL) trmx_mul.
  by rewrite output_covariance_recursion !mulmxDl !mulmxA opprD addrC subrK.
by rewrite mulmxN -!mulmxA mulKmx ?posdef_unit // /K /with_output (downstream_rec _ lt_lL) /determinant_update !mulmxA.
Qed.

Variables (X : 'M[F]_(n 0, B)) (Y : 'M[F]_(n L, B)).

Local Notation xstar := (equilibrium T C X Y).

(** Σ_l⁻¹ E[ε_l x_{l-1}ᵀ | y], summed over the samples: the equilibrium's local update, D_lᵀ λ x*_{l-1}ᵀ, minus the
    update of ½ log det S for each sample. *)
Theorem fisher_identity l :
  (l < L)%N ->
  invmx (C l.+1) *m (error T xstar l *m (xstar l)^T + B%:R *: error_covariance T C L l)
  = (D l.+1)^T *m multiplier T C X Y *m (xstar l)^T - B%:R *: determinant_update T C L l.
Proof.
move=> lt_lL; rewrite mulmxDr mulmxA equilibrium_error // -scalemxAr.
by rewrite error_covariance_update // scalerN.
Qed.

End Evidence.
