(** The equilibrium of predictive coding in closed form, and that it is the one minimiser of the energy. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Chain Positive Covariance.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Definitions.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n) (L B : nat).

Local Notation D := (downstream T L).
Local Notation S := (output_covariance T C L).

(** E(x) = ½ Σ_l ε_lᵀ Σ_l⁻¹ ε_l, summed over the samples. *)
Definition energy (z : activity F n B) : F :=
  2%:R^-1 * \sum_(l < L) quadratic (invmx (C l.+1)) (error T z l).

(** The forward sweep x_{l+1} = T_{l+1} x_l + Σ_{l+1} D_{l+1}ᵀ λ, for any multiplier λ. *)
Fixpoint sweep (X : 'M[F]_(n 0, B)) (lam : 'M[F]_(n L, B)) (l : nat) : 'M[F]_(n l, B) :=
  if l is l'.+1 then T l' *m sweep X lam l' + C l'.+1 *m (D l'.+1)^T *m lam else X.

(** r = y − ŷ. *)
Definition residual (X : 'M[F]_(n 0, B)) (Y : 'M[F]_(n L, B)) := Y - feedforward T X L.

(** λ = S⁻¹ r. *)
Definition multiplier X Y := invmx S *m residual X Y.

(** x*_0 = x, x*_l = T_l x*_{l-1} + ε*_l, ε*_l = Σ_l D_lᵀ λ. *)
Definition equilibrium X Y := sweep X (multiplier X Y).

(** The gradient of the energy with respect to the activity of the hidden layer l+1:
    Σ_{l+1}⁻¹ ε_{l+1} − T_{l+2}ᵀ Σ_{l+2}⁻¹ ε_{l+2}. *)
Definition gradient (z : activity F n B) (l : nat) : 'M[F]_(n l.+1, B) :=
  invmx (C l.+1) *m error T z l - (T l.+1)^T *m (invmx (C l.+2) *m error T z l.+1).

End Definitions.

(** The activities x + t h. *)
Definition move (F : realFieldType) n B (z : activity F n B) (t : F) (h : activity F n B) : activity F n B :=
  fun l => z l + t *: h l.

Section Equilibrium.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n) (L B : nat).
Hypothesis posC : positive C.

Local Notation D := (downstream T L).
Local Notation S := (output_covariance T C L).
Local Notation E := (energy T C L).
Implicit Types (z h : activity F n B) (X : 'M[F]_(n 0, B)) (Y lam : 'M[F]_(n L, B)).

Let symP l : (invmx (C l))^T = invmx (C l) := proj1 (posdef_inv (posC l)).

Lemma error_move z t h l : error T (move z t h) l = error T z l + t *: error T h l.
Proof. by rewrite /error /move mulmxDr -scalemxAr scalerBr addrACA opprD. Qed.

Lemma energy_ge0 z : 0 <= E z.
Proof. by rewrite mulr_ge0 ?invr_ge0 ?ler0n ?sumr_ge0 // => l _; apply/quadratic_ge0/posdef_inv. Qed.

Lemma energy_move z t h :
  E (move z t h)
  = E z + t * (\sum_(l < L) \tr ((error T h l)^T *m (invmx (C l.+1) *m error T z l))) + t ^+ 2 * E h.
Proof.
pose a := \sum_(l < L) quadratic (invmx (C l.+1)) (error T h l).
pose b := \sum_(l < L) \tr ((error T h l)^T *m (invmx (C l.+1) *m error T z l)).
pose e := \sum_(l < L) quadratic (invmx (C l.+1)) (error T z l).
rewrite /energy -/a -/b -/e.
have -> : \sum_(l < L) quadratic (invmx (C l.+1)) (error T (move z t h) l) = e + t * b *+ 2 + t ^+ 2 * a.
  rewrite !mulr_sumr -sumrMnl -!big_split /=; apply: eq_bigr => l _.
  by rewrite error_move quadraticD // quadraticZ [(_ *: _)^T]linearZ /= -scalemxAl mxtraceZ.
by rewrite 2!mulrDr half_double [2%:R^-1 * (t ^+ 2 * _)]mulrCA.
Qed.

(** [gradient] is the gradient: to first order, the energy changes by its product with the displacement. *)
Theorem gradient_of_energy z t h :
  h 0%N = 0 -> h L = 0 ->
  E (move z t h) = E z + t * (\sum_(l < L.-1) \tr ((h l.+1)^T *m gradient T C z l)) + t ^+ 2 * E h.
Proof.
rewrite energy_move; case: L => [|K] h0 hL; first by rewrite !big_ord0.
congr (_ + _ * _ + _); pose p l := invmx (C l.+1) *m error T z l.
transitivity (\sum_(l < K.+1) \tr ((h l.+1)^T *m p l) - \sum_(l < K.+1) \tr ((h l)^T *m ((T l)^T *m p l))).
  rewrite -sumrB; apply: eq_bigr => l _.
  by rewrite /error linearB /= mulmxBl linearB /= trmx_mul !mulmxA.
rewrite [X in X - _]big_ord_recr [X in _ - X]big_ord_recl /= hL h0 !trmx0 !mul0mx !mxtrace0 addr0 add0r.
rewrite -sumrB; apply: eq_bigr => l _.
by rewrite -linearB -mulmxBr.
Qed.

(** ** The sweep, for any multiplier *)

Lemma error_sweep X lam l : error T (sweep T C X lam) l = C l.+1 *m (D l.+1)^T *m lam.
Proof. by rewrite /error /= addrC addKr. Qed.

Lemma weighted_error_sweep X lam l : invmx (C l.+1) *m error T (sweep T C X lam) l = (D l.+1)^T *m lam.
Proof. by rewrite error_sweep -!mulmxA mulKmx ?posdef_unit. Qed.

Lemma sweep_output X lam : sweep T C X lam L = feedforward T X L + S *m lam.
Proof.
rewrite [LHS](telescope T) feedforward_downstream mulmx_suml; congr (_ + _).
by apply: eq_bigr => l _; rewrite error_sweep !mulmxA.
Qed.

(** At layer l the sweep differs from the feedforward activity by S_l D_lᵀ λ, with the covariance S_l of that layer. *)
Lemma sweep_smoothing X lam l :
  (l <= L)%N -> sweep T C X lam l = feedforward T X l + output_covariance T C l *m (D l)^T *m lam.
Proof.
elim: l => [|l IH] lt_lL /=; first by rewrite /output_covariance big_ord0 !mul0mx addr0.
rewrite IH ?(ltnW lt_lL) // mulmxDr -addrA; congr (_ + _).
rewrite output_covariance_recursion (downstream_rec T lt_lL) trmx_mul mulmxDl mulmxDl addrC.
by rewrite !mulmxA.
Qed.

Lemma energy_sweep X lam : E (sweep T C X lam) = 2%:R^-1 * quadratic S lam.
Proof.
rewrite /energy /quadratic mulmx_sumr mulmx_suml linear_sum /=; congr (_ * _); apply: eq_bigr => l _.
by rewrite /quadratic -mulmxA weighted_error_sweep error_sweep !trmx_mul trmxK (proj1 (posC _)) !mulmxA.
Qed.

(** Away from the sweep, the energy grows by the product of λ with the displacement of the output, and by the energy of
    the displacement. *)
Lemma energy_around_sweep X lam h :
  h 0%N = 0 -> E (move (sweep T C X lam) 1 h) = E (sweep T C X lam) + \tr ((h L)^T *m lam) + E h.
Proof.
move=> h0; rewrite energy_move expr1n !mul1r; congr (_ + _ + _).
rewrite (telescope T L h) h0 mulmx0 add0r linear_sum mulmx_suml linear_sum /=.
by apply: eq_bigr => l _; rewrite weighted_error_sweep trmx_mul mulmxA.
Qed.

Lemma energy_compare X lam z :
  z 0%N = X ->
  E z = E (sweep T C X lam) + \tr ((z L - sweep T C X lam L)^T *m lam) + E (move z (-1) (sweep T C X lam)).
Proof.
move=> z0; pose h := move z (-1) (sweep T C X lam).
have -> : z L - sweep T C X lam L = h L by rewrite /h /move scaleN1r.
rewrite -energy_around_sweep /h /move ?scaleN1r /= ?z0 ?subrr //.
congr (_ * _); apply: eq_bigr => l _; congr quadratic.
by rewrite /error /move !scale1r !scaleN1r ![sweep _ _ _ _ _ + _]addrC !subrK.
Qed.

(** An energy of zero means no errors. *)
Lemma energy_eq0 z k : E z = 0 -> z 0%N = 0 -> (k <= L)%N -> z k = 0.
Proof.
move=> /eqP; rewrite mulf_eq0 invr_eq0 pnatr_eq0 /= => sum0 z0 le_kL.
have -> : (0 : 'M[F]_(n k, B)) = feedforward T (0 : 'M_(n 0, B)) k.
  by elim: {le_kL} k => //= k <-; rewrite mulmx0.
apply: (eq_activity (T := T)) => [//|l lt_lk]; rewrite error_feedforward.
have lt_lL := leq_trans lt_lk le_kL.
apply: (quadratic_eq0 (posdef_inv (posC l.+1))).
move: sum0; rewrite psumr_eq0 => [/allP/(_ (Ordinal lt_lL) (mem_index_enum _))/eqP //|i _].
exact/quadratic_ge0/posdef_inv.
Qed.

(** ** The equilibrium *)

Hypothesis L0 : (0 < L)%N.

Variables (X : 'M[F]_(n 0, B)) (Y : 'M[F]_(n L, B)).

Local Notation r := (residual T X Y).
Local Notation lam := (multiplier T C X Y).
Local Notation xstar := (equilibrium T C X Y).

Let unitS : S \in unitmx := output_covariance_invertible T posC L0.

Lemma equilibrium_input : xstar 0%N = X.
Proof. by []. Qed.

(** x*_L = y: the output is clamped to its target. *)
Theorem equilibrium_clamp : xstar L = Y.
Proof. by rewrite /equilibrium sweep_output mulKVmx // /residual addrC subrK. Qed.

(** Σ_l⁻¹ ε*_l = D_lᵀ λ, with λ = S⁻¹ r (eq. 34–36). *)
Theorem equilibrium_error l : invmx (C l.+1) *m error T xstar l = (D l.+1)^T *m lam.
Proof. exact: weighted_error_sweep. Qed.

(** x*_l = x̂_l + S_l D_lᵀ λ: the equilibrium is the smoothed mean of the generative model (eq. 33, whose sum of
    products is S_l). *)
Theorem equilibrium_smoothing l :
  (l <= L)%N -> xstar l = feedforward T X l + output_covariance T C l *m (D l)^T *m lam.
Proof. exact: sweep_smoothing. Qed.

(** At the equilibrium the gradient of every hidden layer vanishes. *)
Theorem equilibrium_stationary l : (l.+1 < L)%N -> gradient T C xstar l = 0.
Proof.
move=> lt_lL; rewrite /gradient !equilibrium_error mulmxA -trmx_mul.
by rewrite -(downstream_rec _ lt_lL) subrr.
Qed.

Lemma clamped_energy z : z 0%N = X -> z L = Y -> E z = E xstar + E (move z (-1) xstar).
Proof.
move=> z0 zL; rewrite (energy_compare lam z0) -/xstar zL.
by rewrite equilibrium_clamp subrr trmx0 mul0mx mxtrace0 addr0.
Qed.

(** No activities with the same clamps have less energy, … *)
Theorem equilibrium_minimal z : z 0%N = X -> z L = Y -> E xstar <= E z.
Proof.
by move=> z0 zL; rewrite (clamped_energy z0 zL) ler_addl energy_ge0.
Qed.

(** … and none others have as little. *)
Theorem equilibrium_unique z l : z 0%N = X -> z L = Y -> E z <= E xstar -> (l <= L)%N -> z l = xstar l.
Proof.
move=> z0 zL; rewrite (clamped_energy z0 zL) ger_addl => le0.
have /eqP: E (move z (-1) xstar) == 0 by rewrite eq_le le0 energy_ge0.
move/energy_eq0=> zero /zero; rewrite /move /= z0 scaleN1r subrr => /(_ erefl)/eqP.
by rewrite scaleN1r subr_eq0 => /eqP.
Qed.

(** E* = ½ rᵀ S⁻¹ r (eq. 3). *)
Theorem equilibrium_energy : E xstar = 2%:R^-1 * \tr (r^T *m invmx S *m r).
Proof.
rewrite energy_sweep /quadratic /multiplier trmx_mul trmx_inv output_covariance_symmetric //.
by rewrite -!mulmxA mulKVmx.
Qed.

End Equilibrium.
