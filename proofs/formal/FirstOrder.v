(** What "prediction change" means: the derivative of the prediction along the update. And that backpropagation's
    update is the gradient of its loss. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp poly matrix mxalgebra.
From DLN Require Import Chain Positive Covariance Equilibrium Updates Derivatives.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The maps after a step: T_l + t ΔW_l. A residual layer I + W_l moves in the same way as a dense one. *)
Definition step (F : realFieldType) n (T dW : maps F n) (t : F) : maps F n := fun l => T l + t *: dW l.

Section FirstOrder.

Variables (F : realFieldType) (n : nat -> nat) (T dW : maps F n) (L B : nat) (X : 'M[F]_(n 0, B)).

Local Notation xhat := (feedforward T X).

(** The derivative of x̂_l, by the product rule. *)
Fixpoint feedforward_change (l : nat) : 'M[F]_(n l, B) :=
  if l is l'.+1 then dW l' *m xhat l' + T l' *m feedforward_change l' else 0.

Lemma feedforward_step0 l : feedforward (step T dW 0) X l = xhat l.
Proof. by elim: l => //= l ->; rewrite /step scale0r addr0. Qed.

Lemma feedforward_derivative l :
  has_derivative (fun t => feedforward (step T dW t) X l) (feedforward_change l).
Proof.
elim: l => [|l IH] /=; first exact: derivative_const.
have := derivativeM (derivative_line (T l) (dW l)) IH.
by rewrite feedforward_step0 scale0r addr0.
Qed.

Lemma feedforward_change_output : feedforward_change L = prediction_change T L X dW.
Proof.
rewrite (telescope T L feedforward_change) mulmx0 add0r; apply: eq_bigr => l _.
by rewrite /error /= addrK mulmxA.
Qed.

(** The derivative of the prediction is dŶ = Σ_l D_l ΔW_l X̂_{l-1} (eq. 6, first step). *)
Theorem prediction_derivative :
  has_derivative (fun t => feedforward (step T dW t) X L) (prediction_change T L X dW).
Proof. by rewrite -feedforward_change_output; apply: feedforward_derivative. Qed.

(** A step of size t moves the prediction by t dŶ + t² Q(t), with a matrix Q of polynomials. *)
Theorem first_order :
  exists Q : 'M[{poly F}]_(n L, B), forall t,
    feedforward (step T dW t) X L = xhat L + t *: prediction_change T L X dW + t ^+ 2 *: map_mx (horner^~ t) Q.
Proof.
have [Q expand] := derivative_expansion prediction_derivative.
by exists Q => t; rewrite expand feedforward_step0.
Qed.

Variable Y : 'M[F]_(n L, B).

(** The loss of backpropagation (eq. 1), averaged over the batch. *)
Definition loss (T' : maps F n) : F := B%:R^-1 * (2%:R^-1 * \tr ((residual T' X Y)^T *m residual T' X Y)).

Lemma residual_derivative :
  has_derivative (fun t => residual (step T dW t) X Y) (- prediction_change T L X dW).
Proof.
have := derivativeD (derivative_const Y) (derivativeM (derivative_const (- 1%:M)) prediction_derivative).
rewrite !mul0mx !add0r mulNmx mul1mx => dr i j; apply: eq_slope (dr i j) => t.
by rewrite /residual mulNmx mul1mx.
Qed.

Lemma residual_step0 : residual (step T dW 0) X Y = residual T X Y.
Proof. by rewrite /residual feedforward_step0. Qed.

(** Backpropagation's update is minus the gradient of the loss: along every ΔW the loss has the derivative
    − Σ_l ⟨ΔW_l, (1/B) D_lᵀ R X̂_{l-1}ᵀ⟩. *)
Theorem bp_gradient :
  has_slope (fun t => loss (step T dW t)) (- \sum_(l < L) \tr ((dW l)^T *m bp_update T X Y l)).
Proof.
set r := residual T X Y; set dY := prediction_change T L X dW.
have dr : has_derivative (fun t => residual (step T dW t) X Y) (- dY) := residual_derivative.
have r0 : residual (step T dW 0) X Y = r := residual_step0.
have := slopeM (slope_const B%:R^-1) (slopeM (slope_const 2%:R^-1) (slope_trace (derivativeM (derivative_tr dr) dr))).
rewrite r0 !mul0r !add0r; congr has_slope.
rewrite linearN /= mulmxN mulNmx linearD !linearN /= -mxtrace_tr trmx_mul trmxK -opprD !mulrN; congr (- _).
have -> : 2%:R^-1 * (\tr (r^T *m dY) + \tr (r^T *m dY)) = \tr (r^T *m dY).
  by rewrite -mulr2n half_double.
rewrite /dY /prediction_change mulmx_sumr linear_sum mulr_sumr; apply: eq_bigr => l _ /=.
rewrite /bp_update /outer_update -scalemxAr mxtraceZ; congr (_ * _).
by rewrite -[LHS]mxtrace_tr !trmx_mul trmxK -!mulmxA mxtrace_mulC !mulmxA.
Qed.

End FirstOrder.
