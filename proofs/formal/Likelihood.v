(** The likelihood: one layer after the other is integrated out. Two normal densities, of z around zero and of y around
    T z, are those of y around zero and of z given y: the exponents are equal, and so are the determinants. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Chain Positive Covariance Equilibrium Posterior.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** det(I + A B) = det(I + B A), whatever the sizes. *)
Lemma det_exchange (F : realFieldType) p q (A : 'M[F]_(p, q)) (B : 'M[F]_(q, p)) :
  \det (1%:M + A *m B) = \det (1%:M + B *m A).
Proof.
have upper : block_mx 1%:M (- A) B 1%:M = block_mx 1%:M 0 B 1%:M *m block_mx 1%:M (- A) 0 (1%:M + B *m A).
  by rewrite mulmx_block !mul1mx !mulmx1 !mul0mx !addr0 mulmxN addrC addrK.
have lower : block_mx 1%:M (- A) B 1%:M = block_mx 1%:M (- A) 0 1%:M *m block_mx (1%:M + A *m B) 0 B 1%:M.
  by rewrite mulmx_block !mul1mx !mulmx1 !mul0mx !add0r mulNmx addrK.
have := congr1 determinant lower; rewrite {1}upper !det_mulmx !det_lblock !det_ublock.
by rewrite !det1 !mul1r !mulr1 => <-.
Qed.

Section Pair.

Variables (F : realFieldType) (p q B : nat) (T : 'M[F]_(q, p)) (S : 'M[F]_p) (C : 'M[F]_q).
Hypotheses (posS : posdef S) (posC : posdef C).

(** The covariance of y = T z + ε, and the precision of z given y. *)
Definition grown_covariance : 'M[F]_q := C + T *m S *m T^T.
Definition given_next_precision : 'M[F]_p := invmx S + T^T *m invmx C *m T.

(** How the mean of z follows y. *)
Definition gain : 'M[F]_(p, q) := S *m T^T *m invmx grown_covariance.

Local Notation G := grown_covariance.
Local Notation K := given_next_precision.

Lemma pulled_quadratic b A (Z : 'M[F]_(p, b)) : quadratic (T^T *m A *m T) Z = quadratic A (T *m Z).
Proof. by rewrite /quadratic trmx_mul !mulmxA. Qed.

Lemma grown_posdef : posdef G.
Proof.
have [[symS pS] [symC pC]] := (posS, posC); split=> [|v v0].
  by rewrite linearD /= !trmx_mul trmxK symS symC mulmxA.
by rewrite quadraticDl quadratic_congruence ltr_paddr ?pC ?quadratic_ge0.
Qed.

Lemma given_next_posdef : posdef K.
Proof.
have [symS pS] := posdef_inv posS; have posCi := posdef_inv posC; split=> [|v v0].
  by rewrite linearD /= !trmx_mul trmxK symS (proj1 posCi) mulmxA.
by rewrite quadraticDl pulled_quadratic ltr_paddr ?pS ?quadratic_ge0.
Qed.

(** Completing the square: the sum of the two exponents is the exponent of y and the exponent of z given y. *)
Theorem pair_exponent (z : 'M[F]_(p, B)) (y : 'M[F]_(q, B)) :
  quadratic (invmx S) z + quadratic (invmx C) (y - T *m z)
  = quadratic (invmx G) y + quadratic K (z - gain *m y).
Proof.
have [[[symS _] [symC _]] [symG _]] := (posS, posC, grown_posdef).
pose lam := invmx G *m y; have gain_y : gain *m y = S *m T^T *m lam by rewrite /gain -[LHS]mulmxA.
have [h ->] : exists h, z = S *m T^T *m lam + h by exists (z - S *m T^T *m lam); rewrite addrC subrK.
have -> : S *m T^T *m lam + h - gain *m y = h by rewrite gain_y addrC addKr.
have G_lam : G *m lam = y by rewrite mulKVmx // (posdef_unit grown_posdef).
have -> : y - T *m (S *m T^T *m lam + h) = C *m lam + - (T *m h).
  by rewrite -G_lam mulmxDr opprD addrA /grown_covariance mulmxDl !mulmxA addrK.
rewrite !quadraticD ?(proj1 (posdef_inv posS)) ?(proj1 (posdef_inv posC)) // quadraticN.
have -> : quadratic (invmx S) (S *m T^T *m lam) = quadratic (T *m S *m T^T) lam.
  by rewrite quadratic_congruence /quadratic -!mulmxA mulKmx ?posdef_unit // !trmx_mul symS trmxK !mulmxA.
have -> : quadratic (invmx C) (C *m lam) = quadratic C lam.
  by rewrite /quadratic -!mulmxA mulKmx ?posdef_unit // !trmx_mul symC !mulmxA.
have -> : quadratic (invmx G) y = quadratic C lam + quadratic (T *m S *m T^T) lam.
  rewrite -quadraticDl -/grown_covariance /quadratic /lam trmx_mul trmx_inv symG.
  by rewrite -!mulmxA mulKVmx // (posdef_unit grown_posdef).
have -> : quadratic K h = quadratic (invmx S) h + quadratic (invmx C) (T *m h).
  by rewrite quadraticDl pulled_quadratic.
have -> : \tr ((- (T *m h))^T *m (invmx C *m (C *m lam))) = - \tr (h^T *m (T^T *m lam)).
  by rewrite mulKmx ?posdef_unit // [(- _)^T]linearN mulNmx linearN /= trmx_mul mulmxA.
have -> : invmx S *m (S *m T^T *m lam) = T^T *m lam by rewrite -mulmxA mulKmx ?posdef_unit.
set a := quadratic _ lam; set b := quadratic _ lam; set c := quadratic _ h; set d := quadratic _ (T *m h).
by rewrite mulNrn addrACA; congr (_ + _); rewrite addrACA subrr addr0 addrC.
Qed.

(** The determinants: both products of densities have the same constant. *)
Theorem pair_determinant : \det S * \det C * \det K = \det G.
Proof.
have [unitS unitC] := (posdef_unit posS, posdef_unit posC).
have -> : K = invmx S *m (1%:M + S *m T^T *m (invmx C *m T)).
  by rewrite mulmxDr mulmx1 -!mulmxA mulKmx // mulmxA.
have -> : G = C *m (1%:M + invmx C *m T *m (S *m T^T)).
  by rewrite mulmxDr mulmx1 -!mulmxA mulKVmx // mulmxA.
rewrite !det_mulmx -det_exchange det_inv [\det S * _]mulrC -mulrA mulVKf //.
by rewrite -unitfE -unitmxE.
Qed.

(** The covariance of z given y: what conditioning on y leaves of S. *)
Theorem pair_conditional : invmx K = S - S *m T^T *m invmx G *m T *m S.
Proof.
have [[unitS unitC] unitG] := (posdef_unit posS, posdef_unit posC, posdef_unit grown_posdef).
have unitK := posdef_unit given_next_posdef.
suff KX : K *m (S - S *m T^T *m invmx G *m T *m S) = 1%:M by rewrite -[RHS](mulKmx unitK) KX mulmx1.
have down : K *m (S *m T^T) = T^T *m invmx C *m G.
  by rewrite mulmxDl mulmxDr -!mulmxA mulKmx // mulVmx // mulmx1 !mulmxA.
rewrite mulmxBr -!mulmxA [K *m (S *m (T^T *m _))]mulmxA [K *m S *m _]mulmxA -[K *m S *m T^T]mulmxA down.
by rewrite -!mulmxA mulKVmx // mulmxDl mulVmx // -!mulmxA addrK.
Qed.

End Pair.

Section Likelihood.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n) (B : nat).
Hypothesis posC : positive C.

Local Notation S := (output_covariance T C).

(** The precision of a layer given the next one and the input, and how its mean follows that layer. *)
Definition next_precision l := given_next_precision (T l.+1) (S l.+1) (C l.+2).
Definition next_gain l := gain (T l.+1) (S l.+1) (C l.+2).

Lemma grown_next l : grown_covariance (T l.+1) (S l.+1) (C l.+2) = S l.+2.
Proof. by rewrite [RHS]output_covariance_recursion. Qed.

Let posS l : posdef (S l.+1) := output_covariance_posdef T posC (ltn0Sn l).

(** The energy of all layers, input given, is the exponent of the output alone, and of each hidden layer given the next
    one. *)
Theorem likelihood_exponent (z : activity F n B) k (d := fun l => z l - feedforward T (z 0%N) l) :
  energy T C k.+1 z
  = 2%:R^-1 * (quadratic (invmx (S k.+1)) (d k.+1)
               + \sum_(l < k) quadratic (next_precision l) (d l.+1 - next_gain l *m d l.+2)).
Proof.
rewrite /energy; congr (_ * _); elim: k => [|k IH].
  by rewrite big_ord1 big_ord0 addr0 output_covariance_first.
have pair := pair_exponent (T k.+1) (posS k) (posC k.+2) (d k.+1) (d k.+2).
have error_d : error T z k.+1 = d k.+2 - T k.+1 *m d k.+1.
  by rewrite /error /d /= mulmxBr opprB addrA subrK.
rewrite big_ord_recr /= IH error_d addrAC pair [in RHS]big_ord_recr /= -[LHS]addrA grown_next.
by congr (_ + _); rewrite addrC.
Qed.

(** The determinants of all covariances likewise: the one constant belongs to the other. *)
Theorem likelihood_determinant k :
  \det (S k.+1) = \prod_(l < k.+1) \det (C l.+1) * \prod_(l < k) \det (next_precision l).
Proof.
elim: k => [|k IH]; first by rewrite big_ord1 big_ord0 mulr1 output_covariance_first.
rewrite -grown_next -pair_determinant // {}IH [in RHS]big_ord_recr [X in _ = _ * X]big_ord_recr /= -!mulrA.
by congr (_ * _); rewrite mulrCA.
Qed.

(** The smoother: the posterior covariance of a layer is what the next layer leaves of it, and the posterior covariance
    of the next layer, carried by the gain. *)
Theorem posterior_smoother L l :
  (l.+1 < L)%N ->
  posterior_covariance T C L l.+1 l.+1
  = invmx (next_precision l) + next_gain l *m posterior_covariance T C L l.+2 l.+2 *m (next_gain l)^T.
Proof.
move=> lt_lL; have unitS := posdef_unit (posS l.+1); have [symS _] := posS l.+1.
rewrite pair_conditional // !posterior_marginal // /next_gain /gain grown_next (downstream_rec _ lt_lL).
rewrite !trmx_mul trmxK trmx_inv symS output_covariance_symmetric //.
by rewrite mulmxBr mulmxBl -!mulmxA !(mulKmx unitS) (mulKVmx unitS) addrA subrK.
Qed.

End Likelihood.
