(** Outputs of which only the rows M y are known: a masked picture, or a memory of which a cue is given. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Chain Positive Covariance Equilibrium Posterior.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Observation.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n) (L B k : nat).
Variable M : 'M[F]_(k, n L).
Hypotheses (posC : positive C) (L0 : (0 < L)%N) (freeM : row_free M).

Variables (X : 'M[F]_(n 0, B)) (Y : 'M[F]_(n L, B)).

Local Notation S := (output_covariance T C L).
Local Notation E := (energy T C L).
Local Notation SM := (M *m S *m M^T).

(** Mᵀ (M S Mᵀ)⁻¹ M takes the place of S⁻¹. *)
Definition observed_weight : 'M[F]_(n L) := M^T *m invmx SM *m M.

Definition observed_equilibrium : activity F n B := sweep T C X (observed_weight *m residual T X Y).

Local Notation xo := observed_equilibrium.

Lemma observed_unit : SM \in unitmx.
Proof.
apply: posdef_unit; have [symS posS] := output_covariance_posdef T posC L0; split=> [|v v0].
  by rewrite !trmx_mul trmxK symS mulmxA.
rewrite quadratic_congruence posS //; apply: contraNneq v0 => Mv0; apply/eqP/trmx_inj.
by apply: (row_free_inj freeM); rewrite /= trmx0 mul0mx -[LHS]trmxK trmx_mul trmxK Mv0 trmx0.
Qed.

(** All outputs have their conditional mean, ŷ + S Mᵀ (M S Mᵀ)⁻¹ M r, … *)
Theorem observed_mean : xo L = feedforward T X L + S *m M^T *m invmx SM *m (M *m residual T X Y).
Proof. by rewrite /xo sweep_output /observed_weight !mulmxA. Qed.

(** … which is their value where they are known. *)
Theorem observed_clamp : M *m xo L = M *m Y.
Proof. by rewrite observed_mean mulmxDr !mulmxA mulmxV ?observed_unit // mul1mx -mulmxDr addrC subrK. Qed.

Lemma observed_energy z : z 0%N = X -> M *m z L = M *m Y -> E z = E xo + E (move z (-1) xo).
Proof.
move=> z0 zL; rewrite (energy_compare T posC (observed_weight *m residual T X Y) z0) -/xo.
rewrite /observed_weight -[M^T *m _ *m M]mulmxA -[M^T *m _ *m _]mulmxA mulmxA -trmx_mul mulmxBr zL observed_clamp subrr.
by rewrite trmx0 mul0mx mxtrace0 addr0.
Qed.

(** No activities with the same input and the same known outputs have less energy, … *)
Theorem observed_minimal z : z 0%N = X -> M *m z L = M *m Y -> E xo <= E z.
Proof. by move=> z0 zL; rewrite (observed_energy z0 zL) ler_addl energy_ge0. Qed.

(** … and none others have as little. *)
Theorem observed_unique z l : z 0%N = X -> M *m z L = M *m Y -> E z <= E xo -> (l <= L)%N -> z l = xo l.
Proof.
move=> z0 zL; rewrite (observed_energy z0 zL) ger_addl => le0.
have /eqP: E (move z (-1) xo) == 0 by rewrite eq_le le0 energy_ge0.
move/(energy_eq0 posC)=> zero /zero; rewrite /move /= z0 scaleN1r subrr => /(_ erefl)/eqP.
by rewrite scaleN1r subr_eq0 => /eqP.
Qed.

(** The covariance of the outputs: S − S Mᵀ (M S Mᵀ)⁻¹ M S. *)
Theorem observed_output_covariance :
  given_output T C observed_weight L L = S - S *m M^T *m invmx SM *m M *m S.
Proof.
rewrite /given_output cross_covariance_own /with_output downstream_last mul1mx output_covariance_symmetric //.
by rewrite /observed_weight !mulmxA.
Qed.

(** What is known has none, with any layer. *)
Theorem observed_covariance_clamped m : (m <= L)%N -> M *m given_output T C observed_weight L m = 0.
Proof.
move=> le_mL; rewrite /given_output cross_covariance_output // /observed_weight mulmxBr.
rewrite {1}/with_output downstream_last mul1mx output_covariance_symmetric //.
by rewrite !mulmxA mulmxV ?observed_unit // mul1mx subrr.
Qed.

(** H of the hidden layers takes its columns to those of the identity, … *)
Theorem observed_covariance_inverse l m :
  (l.+1 < L)%N -> gradient T C (fun j => given_output T C observed_weight j m) l = identity_block F n l.+1 m.
Proof. exact: hessian_given_output. Qed.

End Observation.

(** … and so does H of the outputs that are not known, the rows N y. *)
Theorem observed_missing_inverse (F : realFieldType) n (T : maps F n) (C : covariances F n) L k j
  (M : 'M[F]_(k, n L.+1)) (N : 'M[F]_(j, n L.+1)) m :
  positive C -> N *m M^T = 0 -> (m <= L.+1)%N ->
  N *m (invmx (C L.+1) *m error T (fun l => given_output T C (observed_weight T C M) l m) L)
  = N *m identity_block F n L.+1 m.
Proof.
move=> posC NM le_mL; rewrite weighted_given_output // downstream_last trmx1 mul1mx /observed_weight mulmxBr !mulmxA NM.
rewrite !mul0mx subr0 /identity_block.
case: (ltngtP m L.+1) le_mL => // eq_mL _.
by subst m; rewrite downstream_last trmx1 pid_mx_1.
Qed.
