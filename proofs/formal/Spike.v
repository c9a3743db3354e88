(** Spiking precision carries backpropagation's error down the network, unattenuated. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Chain Positive Covariance Equilibrium Updates.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Spike.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (L B : nat) (gamma : F).
Variables (X : 'M[F]_(n 0, B)) (Y : 'M[F]_(n L, B)).

(** Inference by gradient steps of size γ on the energy, from a forward start, with input and output clamped. The
    covariances may change with time; x t l is the activity of layer l at time t = 0, 1, … *)
Definition inference (C : nat -> covariances F n) (x : nat -> activity F n B) :=
  [/\ forall t, x t 0%N = X,
      forall t, x t L = Y,
      forall l, (l < L)%N -> x 0%N l = feedforward T X l
    & forall t l, (l.+1 < L)%N -> x t.+1 l.+1 = x t l.+1 - gamma *: gradient T (C t) (x t) l].

(** Such an inference exists, whatever the covariances. *)
Definition forward_start : activity F n B :=
  fun l => if l == L then pid_mx (n L) *m Y else feedforward T X l.

Definition descend (C : covariances F n) (z : activity F n B) : activity F n B :=
  fun l => match l with
           | 0 => z 0%N
           | l'.+1 => if (l'.+1 < L)%N then z l'.+1 - gamma *: gradient T C z l' else z l'.+1
           end.

Fixpoint simulate (C : nat -> covariances F n) (t : nat) : activity F n B :=
  if t is t'.+1 then descend (C t') (simulate C t') else forward_start.

Theorem inference_exists C : (0 < L)%N -> inference C (simulate C).
Proof.
move=> L0; split=> [t|t|l lt_lL|t l lt_lL] /=; last by rewrite lt_lL.
- by elim: t => //=; rewrite /forward_start ltn_eqF.
- elim: t => [|t IH] /=; first by rewrite /forward_start eqxx pid_mx_1 mul1mx.
  rewrite -[RHS]IH /descend; case: {IH} L (simulate C t) => // l z; by rewrite ltnn.
by rewrite /forward_start ltn_eqF.
Qed.

(** ** Scalar covariances that may change with time *)

Section Front.

Variables (s : nat -> nat -> F) (x : nat -> activity F n B).
Hypothesis infer : inference (fun t => scalars (s t)) x.

(** What each layer on the way multiplies the error by. *)
Fixpoint gain (t : nat) : F := if t is t'.+1 then gamma / s t' (L - t') * gain t' else 1.

(** At time t nothing has moved below layer k+1 = L - t, and the error that arrives there is D_{k+1}ᵀ r times the
    gain. *)
Lemma front t k :
  (k.+1 + t)%N = L ->
  (forall l, (l <= k)%N -> x t l = feedforward T X l)
  /\ error T (x t) k = gain t *: ((downstream T L k.+1)^T *m residual T X Y).
Proof.
have [input output start move] := infer.
elim: t k => [|t IH] k def_L.
  rewrite addn0 in def_L; split=> [l le_lk|]; first by rewrite start // -def_L.
  have at_output m : m = L -> x 0%N m - feedforward T X m = (downstream T L m)^T *m residual T X Y.
    by move=> ->; rewrite output downstream_last trmx1 mul1mx.
  by rewrite scale1r -at_output // /error (start k) // -def_L.
have [still arrived] := IH k.+1 (etrans (addSnnS _ _) def_L).
have lt_kL : (k.+1 < L)%N by rewrite -def_L addnS ltnS leq_addr.
have no_error l : (l <= k)%N -> error T (x t) l = 0.
  by move=> le_lk; rewrite /error !still ?subrr ?(leqW le_lk).
have still' l : (l <= k)%N -> x t.+1 l = feedforward T X l.
  case: l => [|l] lt_lk; first by rewrite input.
  rewrite move ?(leq_ltn_trans _ lt_kL) ?(leqW lt_lk) //.
  by rewrite /gradient !no_error ?(ltnW lt_lk) // !mulmx0 subrr scaler0 subr0 still ?leqW.
split=> //; rewrite /error (still' k) // move // /gradient arrived no_error // mulmx0 sub0r.
have def_k : (L - t)%N = k.+2 by rewrite -def_L addnS -addSn addnK.
rewrite still // /scalars invmx_scalar mul_scalar_mx -!scalemxAr scalerN opprK !scalerA mulmxA -trmx_mul.
by rewrite -downstream_rec //= def_k addrC addrA addNr add0r mulrA.
Qed.

End Front.

Variable x : nat -> activity F n B.

(** Plain inference: the error that first arrives at layer l, at time L - l, is γ^{L-l} D_lᵀ r. Each layer costs a
    factor γ, and the energy a factor γ². *)
Theorem attenuation l :
  inference (fun => identities) x -> (l < L)%N ->
  error T (x (L - l.+1)) l = gamma ^+ (L - l.+1) *: ((downstream T L l.+1)^T *m residual T X Y).
Proof.
move=> infer lt_lL; have [_ ->] := front (s := fun _ _ => 1) infer (subnKC lt_lL).
by congr (_ *: _); elim: (L - l.+1)%N => //= t ->; rewrite divr1 exprS.
Qed.

(** At time t the layer L - t has the covariance γ, and every other layer one. Time starts at zero. *)
Definition spike_variance (t l : nat) : F := if l == (L - t)%N then gamma else 1.

Definition spiking (t : nat) : covariances F n := scalars (spike_variance t).

Hypotheses (infer : inference spiking x) (gamma0 : gamma != 0).

Lemma spike_gain t : gain spike_variance t = 1.
Proof. by elim: t => //= t ->; rewrite /spike_variance eqxx mulfV ?mul1r. Qed.

(** The error of layer l at time L - l is exactly backpropagation's: ε_l = D_lᵀ r. *)
Theorem spike l : (l < L)%N -> error T (x (L - l.+1)) l = (downstream T L l.+1)^T *m residual T X Y.
Proof. by move=> lt_lL; have [_ ->] := front infer (subnKC lt_lL); rewrite spike_gain scale1r. Qed.

(** The activity below has not moved yet, so the local update (1/B) ε_l x_{l-1}ᵀ of that moment is backpropagation's. *)
Theorem spike_update l :
  (l < L)%N -> mean_outer (error T (x (L - l.+1)) l) (x (L - l.+1) l) = bp_update T X Y l.
Proof. by move=> lt_lL; have [still _] := front infer (subnKC lt_lL); rewrite /mean_outer spike // still. Qed.

End Spike.
