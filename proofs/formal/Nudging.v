(** Weaker ways to show the target to the output: a nudged clamp, and an energy term. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Chain Positive Covariance Equilibrium Updates Theorem1.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Nudging.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (C : covariances F n) (L B : nat) (beta : F).
Hypotheses (posC : positive C) (L0 : (0 < L)%N).

Variables (X : 'M[F]_(n 0, B)) (Y : 'M[F]_(n L, B)).

Local Notation S := (output_covariance T C L).
Local Notation E := (energy T C L).
Local Notation r := (residual T X Y).

(** Clamping the output at ŷ + β r instead of y multiplies λ by β. *)
Theorem nudged_clamp : multiplier T C X (feedforward T X L + beta *: r) = beta *: (invmx S *m r).
Proof. by rewrite /multiplier {1}/residual addrC addKr scalemxAr. Qed.

(** The soft output: the target acts through the energy ½ β ‖y − x_L‖², and the output is free. *)
Definition soft_energy (z : activity F n B) : F := E z + 2%:R^-1 * (beta * quadratic 1%:M (Y - z L)).

(** λ = (S + β⁻¹ I)⁻¹ r. *)
Definition soft_multiplier := invmx (S + beta^-1%:M) *m r.

Definition soft_equilibrium := sweep T C X soft_multiplier.

Hypothesis beta0 : 0 < beta.

Lemma soft_unit : S + beta^-1%:M \in unitmx.
Proof.
apply: posdef_unit; have [symS posS] := output_covariance_posdef T posC L0.
have [sym1 pos1] : posdef (beta^-1%:M : 'M[F]_(n L)) by apply: posdef_scalar; rewrite invr_gt0.
split=> [|v v0]; first by rewrite linearD /= symS sym1.
by rewrite quadraticDl addr_gt0 ?posS ?pos1.
Qed.

(** λ is also β times what is left of the error at the output. *)
Lemma soft_output_error : beta *: (Y - soft_equilibrium L) = soft_multiplier.
Proof.
have balance : S *m soft_multiplier + beta^-1 *: soft_multiplier = r.
  by rewrite -mul_scalar_mx -mulmxDl mulKVmx // soft_unit.
rewrite /soft_equilibrium sweep_output opprD addrA -/(residual T X Y) -balance addrC addKr.
by rewrite scalerA mulfV ?scale1r // gt_eqF.
Qed.

(** The soft equilibrium has the least energy of all activities with the input clamped, and by this much. *)
Lemma soft_output_excess z (d := move z (-1) soft_equilibrium) :
  z 0%N = X -> soft_energy z = soft_energy soft_equilibrium + (E d + 2%:R^-1 * (beta * quadratic 1%:M (d L))).
Proof.
move=> z0; rewrite /soft_energy (energy_compare T posC soft_multiplier z0) -/soft_equilibrium -/d.
have -> : z L - soft_equilibrium L = d L by rewrite /d /move scaleN1r.
have -> : Y - z L = (Y - soft_equilibrium L) + - d L.
  by rewrite /d /move scaleN1r opprB addrA subrK.
have cross : beta * \tr ((- d L)^T *m (Y - soft_equilibrium L)) = - \tr ((d L)^T *m soft_multiplier).
  by rewrite -soft_output_error -scalemxAr mxtraceZ [(- _)^T]linearN mulNmx linearN mulrN.
rewrite quadraticD ?trmx1 // mul1mx quadraticN 2!(mulrDr beta) mulrnAr cross 2!(mulrDr 2%:R^-1) half_double.
set t := \tr _; set p := _ * (beta * quadratic _ (Y - _)); set q := _ * (beta * quadratic _ (d L)).
by rewrite [_ + t + _]addrAC [p - t + q]addrAC [LHS]addrACA subrr addr0 addrACA.
Qed.

Theorem soft_output_minimal z : z 0%N = X -> soft_energy soft_equilibrium <= soft_energy z.
Proof.
move=> z0; rewrite (soft_output_excess z0) ler_addl addr_ge0 ?energy_ge0 //.
by rewrite !mulr_ge0 ?invr_ge0 ?ler0n ?(ltW beta0) ?quadratic_ge0 //; apply: posdef1.
Qed.

Theorem soft_output_unique z l :
  z 0%N = X -> soft_energy z <= soft_energy soft_equilibrium -> (l <= L)%N -> z l = soft_equilibrium l.
Proof.
move=> z0; rewrite (soft_output_excess z0) ger_addl => le0 le_lL.
pose d := move z (-1) soft_equilibrium.
have d0 : d 0%N = 0 by rewrite /d /move /= z0 scaleN1r subrr.
suff /eqP : d l = 0 by rewrite /d /move scaleN1r subr_eq0 => /eqP.
apply: (energy_eq0 (T := T) posC) d0 le_lL; apply/eqP; rewrite eq_le energy_ge0 // andbT.
apply: le_trans le0; rewrite ler_addl !mulr_ge0 ?invr_ge0 ?ler0n ?(ltW beta0) ?quadratic_ge0 //.
exact: posdef1.
Qed.

(** λ = β (I + β S)⁻¹ r. So λ / β, and with it the update, passes into backpropagation's r as β vanishes. *)
Theorem soft_output_limit : soft_multiplier = beta *: (invmx (1%:M + beta *: S) *m r).
Proof.
have b0 : beta != 0 by rewrite gt_eqF.
rewrite /soft_multiplier; have -> : 1%:M + beta *: S = beta *: (S + beta^-1%:M).
  by rewrite scalerDr scale_scalar_mx mulfV // addrC.
by rewrite invmxZ ?unitmxZ ?soft_unit ?unitfE // -scalemxAl scalerA mulfV // scale1r.
Qed.

End Nudging.

Section Change.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (L : nat) (beta : F).
Variables (X : 'cV[F]_(n 0)) (Y : 'cV[F]_(n L)).

Local Notation xhat := (feedforward T X).
Local Notation S := (output_covariance T identities L).
Local Notation r := (residual T X Y).

(** Theorem 1 at a nudged clamp: dŷ = β r. *)
Theorem theorem_1_nudged (xstar := equilibrium T identities X (xhat L + beta *: r)) :
  (0 < L)%N ->
  (forall l, (l < L)%N -> mean_dot (xstar l) (xhat l) != 0) ->
  prediction_change T L X
    (with_rates (fun l => 1 / mean_dot (xstar l) (xhat l)) (pc_update T identities X (xhat L + beta *: r)))
  = beta *: r.
Proof. by move=> L0 dot0; rewrite theorem_1 // /residual addrC addKr. Qed.

(** With a soft output the same rates give dŷ = S (S + β⁻¹ I)⁻¹ r. *)
Theorem soft_output_change (x := soft_equilibrium T identities beta X Y) :
  (forall l, (l < L)%N -> mean_dot (x l) (xhat l) != 0) ->
  prediction_change T L X
    (with_rates (fun l => 1 / mean_dot (x l) (xhat l)) (outer_update T (soft_multiplier T identities beta X Y) x))
  = S *m (invmx (S + beta^-1%:M) *m r).
Proof. exact: (adaptive_change (fun => 1)). Qed.

End Change.
