(** Symmetric positive definite matrices over an ordered field. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** ½ (a + a) = a. *)
Lemma half_double (F : realFieldType) (a : F) : 2%:R^-1 * (a *+ 2) = a.
Proof. by rewrite -[a *+ 2]mulr_natl mulKf // pnatr_eq0. Qed.

Section Positive.

Variable F : realFieldType.

(** The sum of zᵀ A z over the columns of Z. *)
Definition quadratic n B (A : 'M[F]_n) (Z : 'M[F]_(n, B)) : F := \tr (Z^T *m A *m Z).

Definition posdef n (A : 'M[F]_n) := A^T = A /\ forall v : 'cV[F]_n, v != 0 -> 0 < quadratic A v.

Variable n : nat.
Implicit Types A : 'M[F]_n.

Lemma quadratic0 B A : quadratic A (0 : 'M[F]_(n, B)) = 0.
Proof. by rewrite /quadratic mulmx0 mxtrace0. Qed.

Lemma quadratic_col B A (Z : 'M[F]_(n, B)) : quadratic A Z = \sum_j quadratic A (col j Z).
Proof.
apply: eq_bigr => j _; rewrite /quadratic /mxtrace big_ord1 !mxE; apply: eq_bigr => i _.
by rewrite !mxE; congr (_ * _); apply: eq_bigr => k _; rewrite !mxE.
Qed.

Lemma quadratic_ge0 B A (Z : 'M[F]_(n, B)) : posdef A -> 0 <= quadratic A Z.
Proof.
case=> _ pos; rewrite quadratic_col sumr_ge0 // => j _.
by have [->|/pos/ltW //] := eqVneq (col j Z) 0; rewrite quadratic0.
Qed.

Lemma quadratic_eq0 B A (Z : 'M[F]_(n, B)) : posdef A -> quadratic A Z = 0 -> Z = 0.
Proof.
move=> posA; have [_ pos] := posA; rewrite quadratic_col => /eqP.
rewrite psumr_eq0 => [/allP all0|j _]; last exact: quadratic_ge0.
have col0 j : col j Z = 0.
  apply/eqP; apply: contraT => /pos; rewrite lt_def => /andP[/negP[]].
  exact: all0 (mem_index_enum j).
by apply/matrixP=> i j; have /colP/(_ i) := col0 j; rewrite !mxE.
Qed.

(** Z ↦ tr(Zᵀ A Z) expands as a square does. *)
Lemma quadraticD B A (Z Z' : 'M[F]_(n, B)) :
  A^T = A -> quadratic A (Z + Z') = quadratic A Z + \tr (Z'^T *m (A *m Z)) *+ 2 + quadratic A Z'.
Proof.
move=> symA; rewrite /quadratic [(_ + _)^T]linearD /= !mulmxDl !mulmxDr !mxtraceD -!addrA.
have ->: \tr (Z^T *m A *m Z') = \tr (Z'^T *m (A *m Z)).
  by rewrite -mxtrace_tr !trmx_mul trmxK symA.
by rewrite mulmxA.
Qed.

Lemma quadraticZ B A (Z : 'M[F]_(n, B)) t : quadratic A (t *: Z) = t ^+ 2 * quadratic A Z.
Proof. by rewrite /quadratic [(_ *: _)^T]linearZ /= -!scalemxAl -scalemxAr !mxtraceZ mulrA -expr2. Qed.

Lemma quadraticN B A (Z : 'M[F]_(n, B)) : quadratic A (- Z) = quadratic A Z.
Proof. by rewrite -scaleN1r quadraticZ sqrrN expr1n mul1r. Qed.

Lemma posdef_unit A : posdef A -> A \in unitmx.
Proof.
case=> _ pos; rewrite -row_free_unit -kermx_eq0; apply: contraT => /rowV0Pn[v].
move/sub_kermxP => vA0; rewrite -(inj_eq trmx_inj) trmx0 => /pos.
by rewrite /quadratic trmxK vA0 mul0mx mxtrace0 ltxx.
Qed.

Lemma posdef_inv A : posdef A -> posdef (invmx A).
Proof.
move=> posA; have [symA pos] := posA; have unitA := posdef_unit posA.
split=> [|v v0]; first by rewrite trmx_inv symA.
have -> : quadratic (invmx A) v = quadratic A (invmx A *m v).
  by rewrite /quadratic trmx_mul trmx_inv symA !mulmxA mulmxKV.
apply: pos; apply: contraNneq v0 => Av0.
by rewrite -(mulKVmx unitA v) Av0 mulmx0.
Qed.

Lemma posdef1 : posdef (1%:M : 'M[F]_n).
Proof.
split=> [|v v0]; first exact: trmx1.
rewrite /quadratic mulmx1 /mxtrace big_ord1 mxE lt_def sumr_ge0 ?andbT => [|i _]; last first.
  by rewrite mxE -expr2 sqr_ge0.
rewrite psumr_eq0 => [|i _]; last by rewrite mxE -expr2 sqr_ge0.
apply: contraNN v0 => /allP all0; apply/eqP/colP=> i; rewrite mxE; apply/eqP.
by have := all0 i (mem_index_enum i); rewrite mxE mulf_eq0 orbb.
Qed.

Lemma posdefZ A a : 0 < a -> posdef A -> posdef (a *: A).
Proof.
move=> a0 [symA pos]; split=> [|v /pos v_pos]; first by rewrite linearZ /= symA.
by rewrite /quadratic -scalemxAr -scalemxAl mxtraceZ mulr_gt0.
Qed.

Lemma posdef_scalar a : 0 < a -> posdef (a%:M : 'M[F]_n).
Proof. by move=> a0; rewrite -scalemx1; apply: posdefZ => //; apply: posdef1. Qed.

Lemma quadraticDl B A A' (Z : 'M[F]_(n, B)) : quadratic (A + A') Z = quadratic A Z + quadratic A' Z.
Proof. by rewrite /quadratic mulmxDr mulmxDl mxtraceD. Qed.

Lemma quadratic_congruence m B (M : 'M[F]_(n, m)) (A : 'M[F]_m) (Z : 'M[F]_(n, B)) :
  quadratic (M *m A *m M^T) Z = quadratic A (M^T *m Z).
Proof. by rewrite /quadratic trmx_mul trmxK !mulmxA. Qed.

End Positive.
