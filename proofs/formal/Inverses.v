(** When a matrix A undoes X̂ X*ᵀ on the columns of X̂: the linear algebra behind Theorem 2. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Chain.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** A with M A M = M. The Moore–Penrose pseudoinverse is one. *)
Definition generalised_inverse (F : fieldType) m p (M : 'M[F]_(m, p)) (A : 'M[F]_(p, m)) := M *m A *m M = M.

Section Inverses.

Variables (F : fieldType) (m p B : nat).
Implicit Types (Xh : 'M[F]_(m, B)) (Xs : 'M[F]_(p, B)).

(** Every matrix has a generalised inverse. *)
Lemma generalised_inverse_exists (M : 'M[F]_(m, p)) : exists A, generalised_inverse M A.
Proof. by exists (pinvmx M); rewrite /generalised_inverse mulmxKpV. Qed.

(** If X̂ N has the rank of X̂, the columns of X̂ are combinations of its columns. *)
Lemma full_rank_product q Xh (N : 'M[F]_(B, q)) : \rank (Xh *m N) = \rank Xh -> exists K, Xh = Xh *m N *m K.
Proof.
move=> rankM; have le : ((Xh *m N)^T <= Xh^T)%MS by rewrite trmx_mul submxMl.
have : (Xh^T <= (Xh *m N)^T)%MS by rewrite -(geq_leqif (mxrank_leqif_sup le)) !mxrank_tr rankM.
by case/submxP=> K /(congr1 trmx); rewrite trmxK trmx_mul trmxK; exists K^T.
Qed.

(** If rank(X̂ X*ᵀ) = rank X̂, any generalised inverse A of X̂ X*ᵀ has X̂ X*ᵀ A X̂ = X̂. *)
Lemma generalised_inverse_exact Xh Xs A :
  \rank (Xh *m Xs^T) = \rank Xh -> generalised_inverse (Xh *m Xs^T) A -> Xh *m Xs^T *m A *m Xh = Xh.
Proof.
move=> /full_rank_product[K def_Xh] genA.
by rewrite [in X in _ *m X]def_Xh mulmxA genA -def_Xh.
Qed.

(** A matrix A with X̂ X*ᵀ A X̂ = X̂ exists if and only if rank(X̂ X*ᵀ) = rank X̂. *)
Theorem exact_matrix_exists Xh Xs :
  (exists A, Xh *m Xs^T *m A *m Xh = Xh) <-> \rank (Xh *m Xs^T) = \rank Xh.
Proof.
split=> [[A exactA]|rankM]; last first.
  by have [A genA] := generalised_inverse_exists (Xh *m Xs^T); exists A; apply: generalised_inverse_exact.
apply/eqP; rewrite eqn_leq mxrankM_maxl -{1}exactA -[_ *m A *m Xh]mulmxA.
exact: mxrankM_maxl.
Qed.

(** X*ᵀ A X̂ = I, as the paper's proof asks (eq. 47), needs independent samples: no more than the layer has units. *)
Theorem identity_bounds_batch Xh Xs (A : 'M[F]_(p, m)) : Xs^T *m A *m Xh = 1%:M -> (B <= m)%N /\ (B <= p)%N.
Proof.
move=> idA; have rankB : \rank (Xs^T *m A *m Xh) = B by rewrite idA mxrank1.
split; rewrite -{1}rankB.
  by rewrite (leq_trans (mxrankM_maxr _ _)) ?rank_leq_row.
by rewrite -mulmxA (leq_trans (mxrankM_maxl _ _)) ?rank_leq_col.
Qed.

End Inverses.
