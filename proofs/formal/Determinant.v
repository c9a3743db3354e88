(** Jacobi's formula: the derivative of a determinant. *)

From mathcomp Require Import all_ssreflect perm ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Derivatives.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Determinant.

Variable F : realFieldType.

(** A product changes by the sum over its factors, each replaced by its change. *)
Lemma slope_prod (I : eqType) (e : seq I) (f : I -> F -> F) (b : I -> F) :
  uniq e -> (forall i, has_slope (f i) (b i)) ->
  has_slope (fun t => \prod_(j <- e) f j t) (\sum_(i <- e) \prod_(j <- e) (if j == i then b j else f j 0)).
Proof.
move=> uniq_e df; elim: e uniq_e => [_|i e IH /andP[i_e /IH de]].
  by rewrite big_nil; apply: eq_slope (slope_const 1) => t; rewrite big_nil.
have := slopeM (df i) de; rewrite big_cons big_cons eqxx.
have -> : \prod_(j <- e) (if j == i then b j else f j 0) = \prod_(j <- e) f j 0.
  by apply: eq_big_seq => j j_e; case: eqP i_e => // <-; rewrite j_e.
have -> : \sum_(k <- e) \prod_(j <- i :: e) (if j == k then b j else f j 0)
    = f i 0 * \sum_(k <- e) \prod_(j <- e) (if j == k then b j else f j 0).
  rewrite mulr_sumr; apply: eq_big_seq => k k_e; rewrite big_cons.
  by case: eqP i_e => // ->; rewrite k_e.
by apply: eq_slope => t; rewrite big_cons.
Qed.

Variables (m : nat) (f : F -> 'M[F]_m) (b : 'M[F]_m).
Hypothesis df : has_derivative f b.

(** f(0) with one row replaced by that of b. *)
Definition replaced i : 'M[F]_m := \matrix_(j, k) if j == i then b j k else f 0 j k.

Lemma det_replaced i : \det (replaced i) = \sum_k b i k * cofactor (f 0) i k.
Proof.
rewrite (expand_det_row _ i); apply: eq_bigr => k _; rewrite mxE eqxx; congr (_ * (_ * \det _)).
by apply/matrixP=> x y; rewrite !mxE eq_sym (negPf (neq_lift i x)).
Qed.

(** d det f = tr(adj f df). *)
Theorem slope_det : has_slope (fun t => \det (f t)) (\tr (\adj (f 0) *m b)).
Proof.
have -> : \tr (\adj (f 0) *m b) = \sum_i \det (replaced i).
  rewrite mxtrace_mulC /mxtrace; apply: eq_bigr => i _; rewrite det_replaced mxE; apply: eq_bigr => k _.
  by rewrite mxE.
have -> : \sum_i \det (replaced i)
    = \sum_(s : 'S_m) (-1) ^+ s * \sum_i \prod_j (if j == i then b j (s j) else f 0 j (s j)).
  rewrite exchange_big; apply: eq_bigr => s _; rewrite mulr_sumr; apply: eq_bigr => i _.
  by congr (_ * _); apply: eq_bigr => j _; rewrite mxE.
apply: slope_sum => s; have dp := slope_prod (index_enum_uniq _) (fun j => df j (s j)).
by have := slopeM (slope_const ((-1) ^+ s)) dp; rewrite mul0r add0r.
Qed.

End Determinant.
