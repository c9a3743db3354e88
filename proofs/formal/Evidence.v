(** The gradient of the evidence's log-determinant. And Fisher's identity: the posterior mean of the local update is the
    gradient of the evidence, term by term. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp poly matrix mxalgebra.
From DLN Require Import Chain Positive Covariance Equilibrium Posterior Derivatives FirstOrder EnergyGradient Determinant.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Definitions.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n) (L : nat).

Local Notation D := (downstream T L).
Local Notation S := (output_covariance T C).

(** The posterior covariance of the error ε_{l+1} = x_{l+1} − T_{l+1} x_l with x_l, from two blocks of H⁻¹. *)
Definition error_covariance l : 'M[F]_(n l.+1, n l) :=
  posterior_covariance T C L l.+1 l - T l *m posterior_covariance T C L l l.

(** D_lᵀ S⁻¹ D_l T_l S_{l-1}: the gradient of ½ log det S with respect to a weight T_l. *)
Definition determinant_update l : 'M[F]_(n l.+1, n l) :=
  (D l.+1)^T *m invmx (S L) *m D l.+1 *m T l *m S l.

End Definitions.

Section DeterminantGradient.

Variables (F : realFieldType) (n : nat -> nat) (T dW : maps F n) (C : covariances F n) (L : nat).
Hypotheses (posC : positive C) (L0 : (0 < L)%N).

Local Notation D := (downstream T L).
Local Notation S := (output_covariance T C).
Let G k := (D k)^T *m invmx (S L) *m D k.

Lemma felt_symmetric k : (G k)^T = G k.
Proof.
have [symP _] := posdef_inv (output_covariance_posdef T posC L0).
by rewrite /G !trmx_mul trmxK symP mulmxA.
Qed.

(** Layer by layer, half of what S changes adds up to the products with the updates. *)
Lemma change_shares k :
  (k <= L)%N ->
  \tr (G k *m covariance_change T dW C k) = (\sum_(l < k) \tr ((dW l)^T *m determinant_update T C L l)) *+ 2.
Proof.
elim: k => [|k IH] lt_kL; first by rewrite big_ord0 /= mulmx0 mxtrace0 mul0rn.
rewrite big_ord_recr mulrnDl -IH ?(ltnW lt_kL) //=.
have -> : G k = (T k)^T *m G k.+1 *m T k by rewrite /G (downstream_rec T lt_kL) trmx_mul !mulmxA.
have -> : determinant_update T C L k = G k.+1 *m T k *m S k by [].
have symV : (S k)^T = S k by apply: output_covariance_symmetric.
move: (felt_symmetric k.+1); move: (G k.+1) => g symg.
rewrite mulmxDl !mulmxDr !mxtraceD addrAC addrC mulr2n; congr (_ + (_ + _)).
- by rewrite !mulmxA mxtrace_mulC !mulmxA.
- by rewrite -[LHS]mxtrace_tr !trmx_mul trmxK symV symg mxtrace_mulC !mulmxA mxtrace_mulC !mulmxA.
- by rewrite !mulmxA mxtrace_mulC !mulmxA.
Qed.

(** Along every ΔW the determinant of S has the derivative det S · 2 Σ_l ⟨ΔW_l, D_lᵀ S⁻¹ D_l T_l S_{l-1}⟩: these updates
    are the gradient of ½ log det S. *)
Theorem determinant_gradient :
  has_slope (fun t => \det (output_covariance (step T dW t) C L))
            (\det (S L) * (\sum_(l < L) \tr ((dW l)^T *m determinant_update T C L l)) *+ 2).
Proof.
have := slope_det (@covariance_derivative F n T dW C L); rewrite covariance_step0; congr has_slope.
have unitS : S L \in unitmx by apply: output_covariance_invertible.
have -> : \adj (S L) = \det (S L) *: invmx (S L).
  by rewrite /invmx unitS scalerA mulfV ?scale1r // -unitfE.
rewrite -scalemxAl mxtraceZ -mulrnAr -change_shares // /G downstream_last trmx1.
by rewrite mul1mx mulmx1.
Qed.

End DeterminantGradient.

Section Evidence.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n) (L B : nat).
Hypothesis posC : positive C.

Local Notation D := (downstream T L).
Local Notation S := (output_covariance T C).

(** What predictive coding leaves out, Σ_l⁻¹ Cov(ε_l, x_{l-1}), is minus the update of ½ log det S. *)
Theorem error_covariance_update l :
  (l < L)%N -> invmx (C l.+1) *m error_covariance T C L l = - determinant_update T C L l.
Proof.
move=> lt_lL; pose K := invmx (S L) *m D l *m S l.
have -> : error_covariance T C L l = - (C l.+1 *m (D l.+1)^T *m K).
  rewrite /error_covariance posterior_neighbours // posterior_marginal // mulmxBr opprB addrC addrA subrK.
  rewrite output_covariance_recursion (downstream_rec _ lt_lL) trmx_mul !mulmxDl /K (downstream_rec _ lt_lL) !mulmxA.
  by rewrite opprD addrC subrK.
by rewrite mulmxN -!mulmxA mulKmx ?posdef_unit // /K (downstream_rec _ lt_lL) /determinant_update !mulmxA.
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
