(** The output covariance S = Σ_l D_l Σ_l D_lᵀ of the generative model. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Chain Positive.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** A covariance Σ_l for each layer. That of the input plays no part. *)
Definition covariances (F : realFieldType) (n : nat -> nat) := forall l, 'M[F]_(n l).

(** Plain predictive coding: every covariance is the identity. *)
Definition identities {F : realFieldType} {n} : covariances F n := fun l => 1%:M.

(** One number for each layer. *)
Definition scalars {F : realFieldType} {n} (s : nat -> F) : covariances F n := fun l => (s l)%:M.

Definition positive F n (C : covariances F n) := forall l, posdef (C l).

Lemma positive_identities F n : positive (@identities F n).
Proof. by move=> l; apply: posdef1. Qed.

Lemma positive_scalars (F : realFieldType) n (s : nat -> F) : (forall l, 0 < s l) -> positive (@scalars F n s).
Proof. by move=> s0 l; apply: posdef_scalar. Qed.

Definition output_covariance F n (T : maps F n) (C : covariances F n) (L : nat) : 'M[F]_(n L) :=
  \sum_(l < L) downstream T L l.+1 *m C l.+1 *m (downstream T L l.+1)^T.

Section Covariance.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n).

Local Notation S := (output_covariance T C).

(** S = Σ_l D_l D_lᵀ in plain predictive coding (eq. 4). *)
Theorem output_covariance_plain L :
  output_covariance T identities L = \sum_(l < L) downstream T L l.+1 *m (downstream T L l.+1)^T.
Proof. by apply: eq_bigr => l _; rewrite mulmx1. Qed.

(** S_{l+1} = Σ_{l+1} + T_{l+1} S_l T_{l+1}ᵀ: the covariance prediction of a Kalman filter through depth. *)
Theorem output_covariance_recursion L : S L.+1 = C L.+1 + T L *m S L *m (T L)^T.
Proof.
rewrite /output_covariance big_ord_recr /= downstream_last mul1mx trmx1 mulmx1 addrC; congr (_ + _).
rewrite mulmx_sumr mulmx_suml; apply: eq_bigr => l _.
by rewrite downstream_deeper ?trmx_mul ?mulmxA.
Qed.

(** The recursion starts with S_1 = Σ_1. *)
Theorem output_covariance_first : S 1 = C 1%N.
Proof. by rewrite output_covariance_recursion /output_covariance big_ord0 mulmx0 mul0mx addr0. Qed.

Hypothesis posC : positive C.

Theorem output_covariance_symmetric L : (S L)^T = S L.
Proof.
rewrite /output_covariance linear_sum; apply: eq_bigr => l _ /=.
by rewrite !trmx_mul trmxK mulmxA (proj1 (posC l.+1)).
Qed.

(** S ⪰ Σ_L; in plain predictive coding S ⪰ I. *)
Theorem output_covariance_bound L (v : 'cV[F]_(n L)) : (0 < L)%N -> quadratic (C L) v <= quadratic (S L) v.
Proof.
suff ge0 k (w : 'cV[F]_(n k)) : 0 <= quadratic (S k) w.
  by case: L v => // L v _; rewrite output_covariance_recursion quadraticDl quadratic_congruence ler_addl.
elim: k w => [|k IH] w; first by rewrite /output_covariance big_ord0 /quadratic mulmx0 mul0mx mxtrace0.
by rewrite output_covariance_recursion quadraticDl quadratic_congruence addr_ge0 ?IH ?quadratic_ge0.
Qed.

Theorem output_covariance_posdef L : (0 < L)%N -> posdef (S L).
Proof.
move=> L0; split=> [|v v0]; first exact: output_covariance_symmetric.
exact: lt_le_trans (proj2 (posC L) v v0) (output_covariance_bound _ L0).
Qed.

Theorem output_covariance_invertible L : (0 < L)%N -> S L \in unitmx.
Proof. by move/output_covariance_posdef/posdef_unit. Qed.

End Covariance.
