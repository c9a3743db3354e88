(** Predictive coding's update is minus the gradient of its energy at equilibrium.

    As a function of a step t the energy at equilibrium E*(t) is not a polynomial. But it lies between two polynomials
    that touch it at t = 0 with one and the same slope, and this is then its derivative: above, the energy of the old
    equilibrium under the new weights; below, the dual function at the old multiplier. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp poly matrix mxalgebra.
From DLN Require Import Chain Positive Covariance Equilibrium Updates Derivatives FirstOrder.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section EnergyGradient.

Variables (F : realFieldType) (n : nat -> nat) (T dW : maps F n) (C : covariances F n) (L B : nat).
Hypotheses (posC : positive C) (L0 : (0 < L)%N).

Variables (X : 'M[F]_(n 0, B)) (Y : 'M[F]_(n L, B)).

Local Notation D := (downstream T L).
Local Notation xhat := (feedforward T X).
Local Notation xstar := (equilibrium T C X Y).
Local Notation lam := (multiplier T C X Y).

(** The energy at equilibrium, averaged over the batch. *)
Definition equilibrium_energy_mean (T' : maps F n) : F := B%:R^-1 * energy T' C L (equilibrium T' C X Y).

(** ⟨ΔW_l, D_lᵀ λ x*_{l-1}ᵀ⟩: what layer l contributes to the slope. *)
Let share (l : nat) : F := \tr ((dW l)^T *m ((D l.+1)^T *m lam *m (xstar l)^T)).

Let slope : F := - (B%:R^-1 * \sum_(l < L) share l).

Lemma slope_update : slope = - \sum_(l < L) \tr ((dW l)^T *m pc_update T C X Y l).
Proof.
rewrite /slope mulr_sumr; congr (- _); apply: eq_bigr => l _.
by rewrite /share /pc_update /outer_update -scalemxAr mxtraceZ.
Qed.

Lemma share_alt l : share l = \tr (((D l.+1)^T *m lam)^T *m (dW l *m xstar l)).
Proof.
rewrite /share; move: ((D l.+1)^T *m lam) => w.
by rewrite -[LHS]mxtrace_tr !trmx_mul !trmxK -mulmxA mxtrace_mulC mulmxA.
Qed.

Lemma slope_quadratic m (A : 'M[F]_m) (f : F -> 'M[F]_(m, B)) b :
  A^T = A -> has_derivative f b -> has_slope (fun t => quadratic A (f t)) (\tr (b^T *m (A *m f 0)) *+ 2).
Proof.
move=> symA df; have dA := derivativeM (derivative_tr df) (derivative_const A).
have := slope_trace (derivativeM dA df); congr has_slope.
rewrite mulmx0 addr0 mxtraceD mulr2n mulmxA; congr (_ + _).
by rewrite -[LHS]mxtrace_tr !trmx_mul trmxK symA mulmxA.
Qed.

(** ** Above: the energy of the old equilibrium *)

Let above (t : F) : F := B%:R^-1 * energy (step T dW t) C L xstar.

Lemma above_bounds t : equilibrium_energy_mean (step T dW t) <= above t.
Proof.
apply: ler_wpmul2l; first by rewrite invr_ge0 ler0n.
by apply: (equilibrium_minimal (step T dW t) posC L0 (X := X) (Y := Y)) => //; apply: equilibrium_clamp.
Qed.

Lemma above_slope : has_slope above slope.
Proof.
have d_error (l : 'I_L) : has_derivative (fun t => error (step T dW t) xstar l) (- (dW l *m xstar l)).
  move=> i j; apply: eq_slope (derivative_line (error T xstar l) (- (dW l *m xstar l)) i j) => t.
  by rewrite /error /step mulmxDl opprD addrA scalerN scalemxAl.
have symP l : (invmx (C l))^T = invmx (C l) := proj1 (posdef_inv (posC l)).
have := slopeM (slope_const B%:R^-1)
          (slopeM (slope_const 2%:R^-1) (slope_sum (index_enum _) (fun l => slope_quadratic (symP _) (d_error l)))).
rewrite !mul0r !add0r; congr has_slope; rewrite sumrMnl half_double /slope -mulrN -sumrN; congr (_ * _).
apply: eq_bigr => l _; rewrite share_alt linearN mulNmx linearN /=; congr (- _).
have -> : error (step T dW 0) xstar l = error T xstar l by rewrite /error /step scale0r addr0.
by rewrite equilibrium_error // -[LHS]mxtrace_tr trmx_mul trmxK.
Qed.

(** ** Below: the dual function λ ↦ tr(λᵀ r) − ½ tr(λᵀ S λ) *)

Let below (t : F) : F :=
  B%:R^-1 * (\tr (lam^T *m residual (step T dW t) X Y)
             - 2%:R^-1 * quadratic (output_covariance (step T dW t) C L) lam).

Lemma below_bounds t : below t <= equilibrium_energy_mean (step T dW t).
Proof.
rewrite ler_wpmul2l ?invr_ge0 ?ler0n // energy_sweep //.
set S := output_covariance _ _ _; set v := multiplier (step T dW t) C X Y.
have posS : posdef S by apply: output_covariance_posdef.
have Sv : S *m v = residual (step T dW t) X Y by rewrite mulKVmx // posdef_unit.
have := quadratic_ge0 (v - lam) posS; rewrite quadraticD ?(proj1 posS) // quadraticN Sv linearN mulNmx linearN /=.
move=> ge0; have : 0 <= 2%:R^-1 * (quadratic S v + - \tr (lam^T *m residual (step T dW t) X Y) *+ 2 + quadratic S lam).
  by rewrite mulr_ge0 // invr_ge0 ler0n.
by rewrite 2!mulrDr half_double addrAC subr_ge0 ler_subl_addr.
Qed.

(** The derivative of S_l, by its recursion. *)
Fixpoint covariance_change (k : nat) : 'M[F]_(n k) :=
  if k is k'.+1 then
    (dW k' *m output_covariance T C k' + T k' *m covariance_change k') *m (T k')^T
    + T k' *m output_covariance T C k' *m (dW k')^T
  else 0.

Lemma covariance_step0 k : output_covariance (step T dW 0) C k = output_covariance T C k.
Proof.
elim: k => [|k IH]; first by rewrite /output_covariance !big_ord0.
by rewrite !output_covariance_recursion IH /step scale0r addr0.
Qed.

Lemma covariance_derivative k :
  has_derivative (fun t => output_covariance (step T dW t) C k) (covariance_change k).
Proof.
elim: k => [|k IH] /=.
  move=> i j; apply: eq_slope (derivative_const 0 i j) => t.
  by rewrite /output_covariance big_ord0.
have line := derivative_line (T k) (dW k).
have := derivativeD (derivative_const (C k.+1)) (derivativeM (derivativeM line IH) (derivative_tr line)).
rewrite covariance_step0 scale0r addr0 add0r => dS i j; apply: eq_slope (dS i j) => t.
by rewrite output_covariance_recursion.
Qed.

(** Layer by layer, the changes of ŷ and of S add up to the shares. *)
Lemma shares k (w := (D k)^T *m lam) :
  (k <= L)%N ->
  \tr (w^T *m feedforward_change T dW X k) + 2%:R^-1 * quadratic (covariance_change k) w = \sum_(l < k) share l.
Proof.
rewrite /w {w}; elim: k => [|k IH] lt_kL; first by rewrite big_ord0 /quadratic /= !mulmx0 mul0mx !mxtrace0 mulr0 addr0.
set V := output_covariance T C k.
have star : xstar k = xhat k + V *m ((D k)^T *m lam) by rewrite equilibrium_smoothing ?(ltnW lt_kL) // mulmxA.
have down : (D k)^T *m lam = (T k)^T *m ((D k.+1)^T *m lam) by rewrite (downstream_rec T lt_kL) trmx_mul mulmxA.
rewrite big_ord_recr -IH ?(ltnW lt_kL) //= share_alt star down -/V.
move: ((D k.+1)^T *m lam) => w; set u := (T k)^T *m w.
have uT : w^T *m T k = u^T by rewrite /u trmx_mul trmxK.
have -> : quadratic ((dW k *m V + T k *m covariance_change k) *m (T k)^T + T k *m V *m (dW k)^T) w
  = \tr (w^T *m dW k *m V *m u) *+ 2 + quadratic (covariance_change k) u.
  rewrite mulmxDl !quadraticDl addrAC mulr2n; congr (_ + _ + _).
  - by rewrite /quadratic /u !mulmxA.
  - have symV : V^T = V by apply: output_covariance_symmetric.
    by rewrite /quadratic -[LHS]mxtrace_tr !trmx_mul !trmxK symV /u !mulmxA.
  by rewrite -quadratic_congruence.
rewrite mulrDr half_double !mulmxDr !mxtraceD !mulmxA uT -/V.
by rewrite [LHS]addrACA addrC.
Qed.

Lemma below_slope : has_slope below slope.
Proof.
have d_residual := derivativeM (derivative_const lam^T) (residual_derivative T dW X Y).
have d_covariance :=
  derivativeM (derivativeM (derivative_const lam^T) (@covariance_derivative L)) (derivative_const lam).
have := slopeM (slope_const B%:R^-1)
          (slopeD (slope_trace d_residual) (slopeM (slope_const (- 2%:R^-1)) (slope_trace d_covariance))).
rewrite !mul0mx !mul0r !add0r mulmx0 addr0 => d_below.
have -> : slope = B%:R^-1 * (\tr (lam^T *m - prediction_change T L X dW)
                            + - 2%:R^-1 * \tr (lam^T *m covariance_change L *m lam)).
  rewrite /slope -(shares (leqnn L)) downstream_last trmx1 mul1mx feedforward_change_output.
  by rewrite mulmxN linearN mulNr -opprD mulrN.
by apply: eq_slope d_below => t; rewrite /below mulNr.
Qed.

(** The energy at equilibrium lies between two polynomials in t. At t = 0 all three agree, and the polynomials have the
    slope − Σ_l ⟨ΔW_l, (1/B) D_lᵀ S⁻¹ R X*_{l-1}ᵀ⟩: the update is minus the gradient (eq. 7 and 44). *)
Theorem pc_gradient (b := - \sum_(l < L) \tr ((dW l)^T *m pc_update T C X Y l)) :
  exists f g : F -> F,
    [/\ has_slope f b, has_slope g b, f 0 = g 0
      & forall t, f t <= equilibrium_energy_mean (step T dW t) <= g t].
Proof.
exists below, above; rewrite /b -slope_update; split; [exact: below_slope|exact: above_slope| |move=> t].
  rewrite /below /above residual_step0 covariance_step0.
  have -> : energy (step T dW 0) C L xstar = energy T C L xstar.
    by congr (_ * _); apply: eq_bigr => l _; rewrite /error /step scale0r addr0.
  have -> : residual T X Y = output_covariance T C L *m lam.
    by rewrite mulKVmx //; apply: output_covariance_invertible.
  have minus_half (q : F) : q - 2%:R^-1 * q = 2%:R^-1 * q by rewrite -{1}[q]half_double mulr2n mulrDr addrK.
  by rewrite energy_sweep // mulmxA minus_half.
by rewrite below_bounds above_bounds.
Qed.

End EnergyGradient.
