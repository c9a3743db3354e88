(** The posterior of the hidden layers given input and output: the energy is a quadratic form around the equilibrium, and
    the inverse of its matrix H is what conditioning on the output leaves of the covariances. Nothing is taken from
    probability but what a normal density is: one that is proportional to exp(−½ hᵀ H h), h the way from its mean, has
    the covariance H⁻¹. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
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

(** Cov(x_l, x_m) before the output is known: both inherit the noise of every layer up to the lower one of them. *)
Definition cross_covariance l m : 'M[F]_(n l, n m) :=
  \sum_(j < minn l m) downstream T l j.+1 *m C j.+1 *m (downstream T m j.+1)^T.

(** Cov(y, x_l) = D_l S_l. *)
Definition with_output l : 'M[F]_(n L, n l) := D l *m S l.

(** What is left of Cov(x_l, x_m) if the output is known with the weight Q: S⁻¹ if all of it is. *)
Definition given_output (Q : 'M[F]_(n L)) l m : 'M[F]_(n l, n m) :=
  cross_covariance l m - (with_output l)^T *m (Q *m with_output m).

(** Cov(x_l, x_m) − Cov(x_l, y) S⁻¹ Cov(y, x_m). *)
Definition posterior_covariance l m : 'M[F]_(n l, n m) := given_output (invmx (S L)) l m.

(** The blocks of the identity. *)
Definition identity_block l m : 'M[F]_(n l, n m) := if l == m then pid_mx (n l) else 0.

End Definitions.

Section Covariances.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n).

Local Notation S := (output_covariance T C).
Local Notation cov := (cross_covariance T C).

Lemma cross_covariance_own l : cov l l = S l.
Proof. by rewrite /cross_covariance minnn. Qed.

(** A layer above m adds noise of its own, which m does not have. *)
Lemma cross_covariance_above l m : (m <= l)%N -> cov l.+1 m = T l *m cov l m.
Proof.
move=> le_ml; rewrite /cross_covariance (minn_idPr le_ml) (minn_idPr (leqW le_ml)) mulmx_sumr.
by apply: eq_bigr => j _; rewrite downstream_deeper ?mulmxA // (leq_trans (ltn_ord j)).
Qed.

(** A layer below m adds the noise that m inherits. *)
Lemma cross_covariance_below l m :
  (l < m)%N -> cov l.+1 m = C l.+1 *m (downstream T m l.+1)^T + T l *m cov l m.
Proof.
move=> lt_lm; rewrite /cross_covariance (minn_idPl lt_lm) (minn_idPl (ltnW lt_lm)).
rewrite big_ord_recr /= downstream_last mul1mx addrC mulmx_sumr; congr (_ + _).
by apply: eq_bigr => j _; rewrite downstream_deeper ?mulmxA.
Qed.

Lemma cross_covariance_output l m : (m <= l)%N -> cov l m = downstream T l m *m S m.
Proof.
elim: l => [|l IH]; first by rewrite leqn0 => /eqP->; rewrite cross_covariance_own downstream_last mul1mx.
rewrite leq_eqVlt => /predU1P[->|le_ml]; first by rewrite cross_covariance_own downstream_last mul1mx.
by rewrite cross_covariance_above // IH // downstream_deeper // mulmxA.
Qed.

End Covariances.

Section Posterior.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n) (L : nat).
Hypothesis posC : positive C.

Local Notation D := (downstream T L).
Local Notation S := (output_covariance T C).
Local Notation cov := (cross_covariance T C).

(** H row by row, applied to displacements h of the hidden layers: block-tridiagonal. *)
Theorem hessian_blocks B (h : activity F n B) l :
  gradient T C h l
  = (invmx (C l.+1) + (T l.+1)^T *m invmx (C l.+2) *m T l.+1) *m h l.+1
    - invmx (C l.+1) *m T l *m h l - (T l.+1)^T *m invmx (C l.+2) *m h l.+2.
Proof.
by rewrite /gradient /error !mulmxBr mulmxDl !mulmxA opprB addrACA addrA.
Qed.

(** The energy of a displacement that keeps input and output is ½ hᵀ H h. *)
Lemma energy_quadratic B (h : activity F n B) :
  h 0%N = 0 -> h L = 0 -> energy T C L h = 2%:R^-1 * \sum_(l < L.-1) \tr ((h l.+1)^T *m gradient T C h l).
Proof.
move=> h0 hL; have := gradient_of_energy T posC h (-1) h0 hL.
have -> : energy T C L (move h (-1) h) = 0.
  rewrite /energy big1 ?mulr0 // => l _; rewrite error_move scaleN1r subrr.
  exact: quadratic0.
rewrite sqrrN expr1n mul1r mulN1r addrAC -mulr2n => /eqP; rewrite eq_sym subr_eq0 => /eqP <-.
by rewrite half_double.
Qed.

(** Completing the square: with input and output clamped, the energy is E* + ½ hᵀ H h, h the way from the equilibrium. *)
Theorem posterior_energy B (z : activity F n B) (h := move z (-1) (equilibrium T C (z 0%N) (z L))) :
  (0 < L)%N ->
  energy T C L z
  = energy T C L (equilibrium T C (z 0%N) (z L)) + 2%:R^-1 * \sum_(l < L.-1) \tr ((h l.+1)^T *m gradient T C h l).
Proof.
move=> L0; rewrite (clamped_energy T posC L0 (erefl (z 0%N)) (erefl (z L))) -energy_quadratic //.
- by rewrite /h /move /= scaleN1r subrr.
- by rewrite /h /move equilibrium_clamp // scaleN1r subrr.
Qed.

(** The precision-weighted errors of the columns of the covariance, however the output is known. *)
Lemma weighted_given_output (Q : 'M[F]_(n L)) k m :
  (k < L)%N ->
  invmx (C k.+1) *m error T (fun l => given_output T C Q l m) k
  = (if (k < m)%N then (downstream T m k.+1)^T else 0) - (D k.+1)^T *m (Q *m with_output T C L m).
Proof.
move=> lt_kL; set u := if _ then _ else _; set lam := Q *m _.
have -> : error T (fun l => given_output T C Q l m) k = C k.+1 *m (u - (D k.+1)^T *m lam).
  rewrite /error /given_output -/lam mulmxBr opprB [_ - T k *m cov k m]addrC addrACA mulmxBr; congr (_ + _).
    rewrite /u; case: ltnP => [lt_km|le_mk]; first by rewrite cross_covariance_below // addrK.
    by rewrite cross_covariance_above // subrr mulmx0.
  rewrite /with_output !trmx_mul !output_covariance_symmetric // output_covariance_recursion.
  by rewrite (downstream_rec _ lt_kL) trmx_mul !mulmxDl !mulmxA opprD addrNK.
by rewrite mulKmx ?posdef_unit.
Qed.

(** H takes these columns to those of the identity. *)
Lemma hessian_given_output (Q : 'M[F]_(n L)) l m :
  (l.+1 < L)%N -> gradient T C (fun k => given_output T C Q k m) l = identity_block F n l.+1 m.
Proof.
move=> lt_lL; pose lam := Q *m with_output T C L m.
pose u k : 'M[F]_(n k.+1, n m) := if (k < m)%N then (downstream T m k.+1)^T else 0.
have weighted k : (k < L)%N ->
    invmx (C k.+1) *m error T (fun k => given_output T C Q k m) k = u k - (D k.+1)^T *m lam.
  exact: weighted_given_output.
rewrite /gradient !weighted ?(ltnW lt_lL) // mulmxBr opprB [_ - _ *m u l.+1]addrC addrACA.
rewrite [(T l.+1)^T *m (_ *m lam)]mulmxA -trmx_mul -(downstream_rec _ lt_lL) addNr addr0 /u /identity_block.
case: (ltngtP l.+1 m) => [lt_lm|lt_ml|eq_lm].
- by rewrite -trmx_mul -(downstream_rec _ lt_lm) subrr.
- by rewrite mulmx0 subrr.
by subst m; rewrite downstream_last trmx1 mulmx0 subr0 pid_mx_1.
Qed.

Lemma given_output_input (Q : 'M[F]_(n L)) m : given_output T C Q 0 m = 0 :> 'M[F]_(n 0, n m).
Proof.
rewrite /given_output /cross_covariance min0n big_ord0 /with_output /output_covariance big_ord0.
by rewrite mulmx0 trmx0 mul0mx subrr.
Qed.

(** The displacements of the hidden layers that are the columns of H⁻¹: input and output stay, … *)
Theorem posterior_covariance_clamped m :
  (0 < L)%N -> (m <= L)%N -> posterior_covariance T C L 0 m = 0 /\ posterior_covariance T C L L m = 0.
Proof.
move=> L0 le_mL; split; first exact: given_output_input.
rewrite /posterior_covariance /given_output {1}/with_output downstream_last mul1mx output_covariance_symmetric //.
by rewrite mulKVmx ?output_covariance_invertible // cross_covariance_output ?subrr.
Qed.

(** … and H takes them to the columns of the identity. *)
Theorem posterior_covariance_inverse l m :
  (l.+1 < L)%N -> gradient T C (fun k => posterior_covariance T C L k m) l = identity_block F n l.+1 m.
Proof. exact: hessian_given_output. Qed.

(** The inverse from the other side: there is no other. *)
Theorem posterior_covariance_unique B (h : activity F n B) k :
  (0 < L)%N -> h 0%N = 0 -> h L = 0 -> (k <= L)%N ->
  h k = \sum_(m < L.-1) posterior_covariance T C L k m.+1 *m gradient T C h m.
Proof.
move=> L0 h0 hL le_kL; pose P := posterior_covariance T C L.
pose g : activity F n B := fun k => \sum_(m < L.-1) P k m.+1 *m gradient T C h m.
have below (m : 'I_L.-1) : (m.+1 < L)%N by rewrite -ltn_predRL.
pose d : activity F n B := fun k => h k - g k.
suff /eqP : d k = 0 by rewrite subr_eq0 => /eqP.
have d0 : d 0%N = 0.
  rewrite /d h0 /g big1 ?subrr // => m _.
  by have [P0 _] := posterior_covariance_clamped L0 (ltnW (below m)); rewrite /P P0 mul0mx.
have dL : d L = 0.
  rewrite /d hL /g big1 ?subrr // => m _.
  by have [_ PL] := posterior_covariance_clamped L0 (ltnW (below m)); rewrite /P PL mul0mx.
apply: (energy_eq0 (T := T) posC) (d0) le_kL; rewrite energy_quadratic // big1 ?mulr0 // => l _.
have error_g i : error T g i = \sum_(m < L.-1) error T (P^~ m.+1) i *m gradient T C h m.
  rewrite /error /g mulmx_sumr -sumrB; apply: eq_bigr => m _.
  by rewrite [RHS]mulmxBl mulmxA.
have error_d i : error T d i = error T h i - error T g i.
  by rewrite /error /d mulmxBr opprD addrACA -opprD.
suff -> : gradient T C d l = 0 by rewrite mulmx0 mxtrace0.
have -> : gradient T C d l = gradient T C h l - \sum_(m < L.-1) gradient T C (P^~ m.+1) l *m gradient T C h m.
  rewrite {1}/gradient !error_d [_ *m (error T h l - _)]mulmxBr [_ *m (error T h l.+1 - _)]mulmxBr.
  rewrite [_^T *m (_ - _)]mulmxBr opprD addrACA -opprD; congr (_ - _).
  rewrite !error_g !mulmx_sumr -sumrB; apply: eq_bigr => m _.
  by rewrite [RHS]mulmxBl !mulmxA.
rewrite (bigD1 l) //= big1 => [|m ne_ml].
  by rewrite posterior_covariance_inverse ?below // /identity_block eqxx pid_mx_1 mul1mx addr0 subrr.
by rewrite posterior_covariance_inverse ?below // /identity_block eqSS eq_sym val_eqE (negPf ne_ml) mul0mx.
Qed.

(** The marginal of layer l: S_l − S_l D_lᵀ S⁻¹ D_l S_l. *)
Theorem posterior_marginal l :
  posterior_covariance T C L l l = S l - S l *m (D l)^T *m invmx (S L) *m D l *m S l.
Proof.
rewrite /posterior_covariance /given_output cross_covariance_own /with_output trmx_mul.
by rewrite output_covariance_symmetric // !mulmxA.
Qed.

(** Neighbours: T_{l+1} S_l − S_{l+1} D_{l+1}ᵀ S⁻¹ D_l S_l. *)
Theorem posterior_neighbours l :
  posterior_covariance T C L l.+1 l = T l *m S l - S l.+1 *m (D l.+1)^T *m invmx (S L) *m D l *m S l.
Proof.
rewrite /posterior_covariance /given_output cross_covariance_above // cross_covariance_own /with_output trmx_mul.
by rewrite output_covariance_symmetric // !mulmxA.
Qed.

End Posterior.
