(** Derivatives of polynomial functions of a step t, at t = 0: all the analysis that the theory needs. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp poly matrix mxalgebra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Derivatives.

Variable F : realFieldType.

(** f is a polynomial, and its derivative at zero is b. *)
Definition has_slope (f : F -> F) (b : F) := exists2 p : {poly F}, f =1 horner p & b = p^`().[0].

Lemma eq_slope f g b : f =1 g -> has_slope f b -> has_slope g b.
Proof. by move=> eq_fg [p fp ->]; exists p => // t; rewrite -eq_fg fp. Qed.

Lemma slope_const (a : F) : has_slope (fun => a) 0.
Proof. by exists a%:P => [t|]; rewrite ?derivC ?hornerC ?horner0. Qed.

Lemma slope_id : has_slope (fun t : F => t) 1.
Proof. by exists 'X => [t|]; rewrite ?derivX ?hornerX ?hornerC. Qed.

Lemma slopeD f g a b : has_slope f a -> has_slope g b -> has_slope (fun t => f t + g t) (a + b).
Proof. by case=> p fp -> [q gq ->]; exists (p + q) => [t|]; rewrite ?derivD hornerD ?fp ?gq. Qed.

Lemma slopeM f g a b :
  has_slope f a -> has_slope g b -> has_slope (fun t => f t * g t) (a * g 0 + f 0 * b).
Proof. by case=> p fp -> [q gq ->]; exists (p * q) => [t|]; rewrite ?derivM !hornerE fp gq. Qed.

Lemma slope_sum I (e : seq I) (f : I -> F -> F) (b : I -> F) :
  (forall i, has_slope (f i) (b i)) -> has_slope (fun t : F => \sum_(i <- e) f i t) (\sum_(i <- e) b i).
Proof.
move=> slope_f; elim: e => [|i e IH].
  by rewrite big_nil; apply: eq_slope (slope_const 0) => t; rewrite big_nil.
rewrite big_cons; apply: eq_slope (slopeD (slope_f i) IH) => t; by rewrite big_cons.
Qed.

(** f(t) = f(0) + t b + t² q(t), with a polynomial q. *)
Lemma slope_expansion f b : has_slope f b -> exists q : {poly F}, forall t, f t = f 0 + t * b + t ^+ 2 * q.[t].
Proof.
case=> p fp ->; suff [q def_q] : exists q : {poly F}, p = p.[0]%:P + 'X * p^`().[0]%:P + 'X ^+ 2 * q.
  by exists q => t; rewrite !fp [in LHS]def_q !hornerE.
elim/poly_ind: p {fp} => [|p c _]; first by exists 0; rewrite deriv0 !horner0 !(mulr0, addr0).
elim/poly_ind: p => [|q d _].
  by exists 0; rewrite mul0r add0r derivC hornerC horner0 !(mulr0, addr0).
exists q; rewrite !derivE !hornerE mulrDl -mulrA -expr2.
by rewrite addrC [X in _ + X]addrC addrA [d%:P * _]mulrC [q * _]mulrC.
Qed.

(** The same for matrices, entry by entry. *)
Definition has_derivative m p (f : F -> 'M[F]_(m, p)) (b : 'M[F]_(m, p)) :=
  forall i j, has_slope (fun t => f t i j) (b i j).

Lemma derivative_const m p (M : 'M[F]_(m, p)) : has_derivative (fun => M) 0.
Proof. by move=> i j; rewrite mxE; apply: slope_const. Qed.

Lemma derivative_line m p (M N : 'M[F]_(m, p)) : has_derivative (fun t => M + t *: N) N.
Proof.
move=> i j; apply: (@eq_slope (fun t => M i j + t * N i j)) => [t|]; first by rewrite !mxE.
have := slopeD (slope_const (M i j)) (slopeM slope_id (slope_const (N i j))).
by rewrite mulr0 addr0 mul1r add0r.
Qed.

Lemma derivativeD m p (f g : F -> 'M[F]_(m, p)) a b :
  has_derivative f a -> has_derivative g b -> has_derivative (fun t => f t + g t) (a + b).
Proof.
move=> df dg i j; rewrite mxE; apply: eq_slope (slopeD (df i j) (dg i j)) => t.
by rewrite mxE.
Qed.

Lemma derivativeM m p q (f : F -> 'M[F]_(m, p)) (g : F -> 'M[F]_(p, q)) a b :
  has_derivative f a -> has_derivative g b -> has_derivative (fun t => f t *m g t) (a *m g 0 + f 0 *m b).
Proof.
move=> df dg i j; rewrite !mxE -big_split.
apply: eq_slope (slope_sum _ (fun k => slopeM (df i k) (dg k j))) => t.
by rewrite mxE.
Qed.

Lemma derivative_tr m p (f : F -> 'M[F]_(m, p)) b :
  has_derivative f b -> has_derivative (fun t => (f t)^T) b^T.
Proof. by move=> df i j; rewrite mxE; apply: eq_slope (df j i) => t; rewrite mxE. Qed.

Lemma slope_trace m (f : F -> 'M[F]_m) b : has_derivative f b -> has_slope (fun t => \tr (f t)) (\tr b).
Proof. by move=> df; apply: slope_sum => i; apply: df. Qed.

Lemma derivative_expansion m p (f : F -> 'M[F]_(m, p)) b :
  has_derivative f b ->
  exists Q : 'M[{poly F}]_(m, p), forall t, f t = f 0 + t *: b + t ^+ 2 *: map_mx (horner^~ t) Q.
Proof.
move=> df; have [q qP] := fin_all_exists (fun k : 'I_m * 'I_p => slope_expansion (df k.1 k.2)).
exists (\matrix_(i, j) q (i, j)) => t; apply/matrixP=> i j.
by rewrite !mxE (qP (i, j)).
Qed.

End Derivatives.
