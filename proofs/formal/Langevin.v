(** Langevin dynamics z ← z − γ H z + √(2γ) ξ of the hidden layers, H the matrix of the energy: its stationary covariance,
    and the bias that the step γ leaves; and the same with momentum. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.
From DLN Require Import Positive.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Langevin.

Variables (F : realFieldType) (m : nat) (H : 'M[F]_m) (step : F).
Hypothesis symH : H^T = H.

(** One step takes z to (I − γH) z, and adds noise of the covariance 2γ I. *)
Definition forward : 'M[F]_m := 1%:M - step *: H.

Definition stationary (P : 'M[F]_m) := P = forward *m P *m forward^T + (2%:R * step)%:M.

(** H − γH²/2. *)
Definition langevin_precision : 'M[F]_m := H - (step / 2%:R) *: (H *m H).

Local Notation K := langevin_precision.

Lemma forward_symmetric : forward^T = forward.
Proof. by rewrite /forward linearB /= trmx1 linearZ /= symH. Qed.

(** I − (I − γH)² = 2γ (H − γH²/2). *)
Lemma forward_square : forward *m forward = 1%:M - (2%:R * step) *: K.
Proof.
rewrite /forward mulmxBl mul1mx mulmxBr mulmx1 -!scalemxAl -scalemxAr scalerA /langevin_precision scalerBr scalerA.
have -> : 2%:R * step * (step / 2%:R) = step * step by rewrite mulrCA [2%:R * _]mulrC mulfK ?pnatr_eq0.
by rewrite !opprB -[(2%:R * step) *: H]scalerA scaler_nat mulr2n opprD [_ *: (H *m H) + _]addrA [LHS]addrAC -addrA.
Qed.

Lemma forward_commutes : forward *m K = K *m forward.
Proof.
have HK : H *m K = K *m H by rewrite /langevin_precision mulmxBr mulmxBl -scalemxAr -scalemxAl mulmxA.
by rewrite /forward [LHS]mulmxBl [RHS]mulmxBr mul1mx mulmx1 -scalemxAl -scalemxAr HK.
Qed.

(** The covariance (H − γH²/2)⁻¹ is stationary. *)
Theorem langevin_stationary : K \in unitmx -> stationary (invmx K).
Proof.
move=> unitK; rewrite /stationary forward_symmetric.
have commutes : forward *m invmx K = invmx K *m forward.
  by rewrite -[LHS](mulKmx unitK) [K *m (_ *m _)]mulmxA -forward_commutes -!mulmxA mulmxV // mulmx1.
rewrite commutes -mulmxA forward_square mulmxBr mulmx1 -scalemxAr mulVmx // scalemx1.
by rewrite subrK.
Qed.

(** Its bias: (H − γH²/2)⁻¹ = H⁻¹ + (2/γ I − H)⁻¹, of which H⁻¹ is the posterior covariance. *)
Theorem langevin_bias :
  step != 0 -> H \in unitmx -> (2%:R / step)%:M - H \in unitmx ->
  invmx K = invmx H + invmx ((2%:R / step)%:M - H).
Proof.
move=> step0 unitH unitR; set R := _ - H in unitR *.
have two0 : 2%:R != 0 :> F by rewrite pnatr_eq0.
have KHR : K = (step / 2%:R) *: (H *m R).
  rewrite /R mulmxBr mul_mx_scalar scalerBr scalerA /langevin_precision.
  by rewrite mulrA mulfVK // mulfV // scale1r.
have unit_half : step / 2%:R \is a GRing.unit by rewrite unitfE mulf_neq0 // invr_eq0.
have unitK : K \in unitmx by rewrite KHR unitmxZ // unitmx_mul unitH.
suff KX : K *m (invmx H + invmx R) = 1%:M by rewrite -[RHS](mulKmx unitK) KX mulmx1.
have HR : H *m R = R *m H by rewrite /R mulmxBr mulmxBl mul_mx_scalar mul_scalar_mx.
rewrite mulmxDr KHR -!scalemxAl {1}HR -!mulmxA !mulmxV // !mulmx1 -scalerDr addrC /R addrC subrK.
by rewrite -scalemx1 scalerA mulrA mulfVK // mulfV // scale1r.
Qed.

Lemma quadratic_stationary P (v : 'cV[F]_m) h :
  stationary P -> H *m v = h *: v ->
  (1 - (1 - step * h) ^+ 2) * quadratic P v = 2%:R * step * quadratic 1%:M v.
Proof.
move=> stat_P Hv; have Av : forward *m v = (1 - step * h) *: v.
  by rewrite /forward mulmxBl mul1mx -scalemxAl Hv scalerA scalerBl scale1r.
rewrite mulrBl mul1r {1}stat_P quadraticDl quadratic_congruence forward_symmetric Av quadraticZ addrC addKr.
by rewrite -scalemx1 /quadratic -scalemxAr -scalemxAl mxtraceZ.
Qed.

(** Along an eigenvector of H every stationary covariance, whatever else it is, has the variance 1/(h (1 − γh/2)), … *)
Theorem langevin_variance P (v : 'cV[F]_m) h :
  step != 0 -> stationary P -> H *m v = h *: v -> h * (1 - step * h / 2%:R) * quadratic P v = quadratic 1%:M v.
Proof.
move=> step0 stat_P Hv; have two0 : 2%:R != 0 :> F by rewrite pnatr_eq0.
apply: (mulfI (mulf_neq0 two0 step0)); rewrite -(quadratic_stationary stat_P Hv) [LHS]mulrA; congr (_ * _).
rewrite -[X in _ = X - _](expr1n F 2) subr_sqr opprB addrCA subrr addr0 addrA -mulr2n.
rewrite [2%:R * step]mulrC -!mulrA [2%:R * _]mulrCA; congr (_ * (_ * _)).
by rewrite mulrBr mulr1 [2%:R * _]mulrC !mulrA mulfVK.
Qed.

(** … and from γ = 2/h on there is none. *)
Theorem langevin_limit P (v : 'cV[F]_m) h :
  0 < step -> posdef P -> stationary P -> H *m v = h *: v -> v != 0 -> 0 < step * h < 2%:R.
Proof.
move=> step0 [_ posP] stat_P Hv v0; have [_ pos1] := @posdef1 F m.
have : 0 < 1 - (1 - step * h) ^+ 2.
  by rewrite -(pmulr_lgt0 _ (posP v v0)) (quadratic_stationary stat_P Hv) !mulr_gt0 ?ltr0n ?pos1.
rewrite subr_gt0 -real_normK ?num_real // expr_lt1 // ltr_distl ltr_subl_addr -mulr2n => /andP[-> lt1].
by rewrite -(ltr_addl 1) addrC lt1.
Qed.

End Langevin.

Section Momentum.

Variables (F : realFieldType) (m : nat) (H : 'M[F]_m) (step kept : F).
Hypothesis symH : H^T = H.

Section Moments.

Variables P Q V : 'M[F]_m.

(** v ← m v − γ H z + noise of the covariance 2γ(1 − m) I, m the momentum [kept]: its covariance with z, and its own. *)
Definition ahead : 'M[F]_m := kept *: Q - step *: (P *m H).

Definition next_velocity : 'M[F]_m :=
  kept ^+ 2 *: V - (kept * step) *: (Q^T *m H + H *m Q) + step ^+ 2 *: (H *m P *m H)
  + (2%:R * step * (1 - kept))%:M.

(** Then z ← z + v. The covariances P of z, Q of z and v, and V of v stay what they are. *)
Definition stationary_with_momentum := [/\ ahead + ahead^T + V = 0, Q = ahead + V & V = next_velocity].

End Moments.

(** (H − cH²)⁻¹ with c = γ/(2(1 + m)), 2cH of it, and 4cH of it stay. *)
Theorem momentum_stationary (c := step / (2%:R * (1 + kept))) (P := invmx (H - c *: (H *m H))) :
  1 + kept != 0 -> H - c *: (H *m H) \in unitmx ->
  stationary_with_momentum P ((2%:R * c) *: (H *m P)) ((2%:R * (2%:R * c)) *: (H *m P)).
Proof.
move=> kept2 unitK; set K := _ - _ in P unitK *; pose d := 2%:R * c.
have two0 : 2%:R != 0 :> F by rewrite pnatr_eq0.
have step_d : step = d * (1 + kept) by rewrite /d /c -mulrA mulrCA mulfVK // mulf_neq0.
have HK : H *m K = K *m H by rewrite /K mulmxBr mulmxBl -scalemxAr -scalemxAl mulmxA.
have PH : P *m H = H *m P.
  by rewrite -[LHS]mulmx1 -(mulmxV unitK) !mulmxA -[_ *m H *m K]mulmxA HK mulmxA mulVmx // mul1mx.
have symP : P^T = P.
  by rewrite /P trmx_inv /K linearB /= linearZ /= trmx_mul symH.
have symHP : (H *m P)^T = H *m P by rewrite trmx_mul symP symH PH.
have ahead_P : ahead P (d *: (H *m P)) = - (d *: (H *m P)).
  rewrite /ahead PH scalerA -scalerBl step_d mulrDr mulr1 opprD addrCA [kept * d]mulrC subrr addr0.
  by rewrite scaleNr.
rewrite /stationary_with_momentum -/d -scalerA ahead_P; split.
- by rewrite [(- _)^T]linearN /= [(_ *: _)^T]linearZ /= symHP -opprD -mulr2n scaler_nat addNr.
- by rewrite scaler_nat mulr2n addKr.
have cHH : d *: (H *m P *m H) = 2%:R *: (H *m P - 1%:M).
  rewrite /d -scalerA; congr (_ *: _); rewrite -(mulmxV unitK) -/P /K mulmxBl -scalemxAl opprB addrC subrK.
  by rewrite -mulmxA PH mulmxA.
have step_square : step ^+ 2 *: (H *m P *m H) = (step * (1 + kept)) *: (d *: (H *m P *m H)).
  by rewrite scalerA expr2 {2}step_d [d * _]mulrC mulrA.
have share : step * (1 + kept) - kept * step * 2%:R = step * (1 - kept).
  by rewrite mulrDr mulrBr mulr1 mulr_natr mulr2n [kept * step]mulrC opprD addrA addrK.
clearbody d; have again : kept ^+ 2 * (2%:R * d) + 2%:R * (step * (1 - kept)) = 2%:R * d.
  have -> : step * (1 - kept) = d * (1 - kept ^+ 2).
    by rewrite step_d -[LHS]mulrA [(1 + kept) * _]mulrC -subr_sqr expr1n.
  by rewrite [d * _]mulrBr mulr1 [2%:R * (d - _)]mulrBr addrCA [kept ^+ 2 * _]mulrC mulrA subrr addr0.
have HHP : H *m (H *m P) = H *m P *m H by rewrite -mulmxA PH.
rewrite /next_velocity [(_ *: _)^T]linearZ /= symHP -scalemxAl -scalemxAr HHP step_square cHH.
set Y := H *m P; rewrite -mulr2n -scaler_nat [(kept * step) *: _]scalerA -[_ - _ + _ *: _]addrA [- _ + _]addrC.
rewrite -scalerBl share [(step * _) *: _]scalerA [step * _ * 2%:R]mulrC -[2%:R * step * _]mulrA scalerBr scalemx1.
rewrite -addrA subrK.
by rewrite !scalerA -scalerDl again.
Qed.

Variables (v : 'cV[F]_m) (h : F).
Hypothesis Hv : H *m v = h *: v.

Lemma quadratic_scaled a (A : 'M[F]_m) : quadratic (a *: A) v = a * quadratic A v.
Proof. by rewrite /quadratic -scalemxAr -scalemxAl mxtraceZ. Qed.

Lemma quadratic_opposite (A : 'M[F]_m) : quadratic (- A) v = - quadratic A v.
Proof. by rewrite -scaleN1r quadratic_scaled mulN1r. Qed.

Lemma quadratic_transposed (A : 'M[F]_m) : quadratic A^T v = quadratic A v.
Proof. by rewrite /quadratic -mxtrace_tr !trmx_mul !trmxK mulmxA. Qed.

Lemma quadratic_eigen_right (A : 'M[F]_m) : quadratic (A *m H) v = h * quadratic A v.
Proof. by rewrite /quadratic mulmxA -[LHS]/(\tr (_ *m _)) -mulmxA Hv -scalemxAr mxtraceZ. Qed.

Lemma quadratic_eigen_left (A : 'M[F]_m) : quadratic (H *m A) v = h * quadratic A v.
Proof. by rewrite -quadratic_transposed trmx_mul symH quadratic_eigen_right quadratic_transposed. Qed.

(** Along an eigenvector of H the variance of z is 1/(h (1 − γh/(2(1 + m)))). *)
Theorem momentum_variance P Q V :
  stationary_with_momentum P Q V -> step != 0 -> kept != 1 -> 1 + kept != 0 ->
  h * (1 - step * h / (2%:R * (1 + kept))) * quadratic P v = quadratic 1%:M v.
Proof.
case=> eq_P eq_Q eq_V step0 kept1 kept2; have two0 : 2%:R != 0 :> F by rewrite pnatr_eq0.
pose p := quadratic P v; pose q := quadratic Q v; pose s := quadratic V v; pose w := quadratic (1%:M : 'M[F]_m) v.
pose X := step * h; pose a := kept * q - step * (h * p).
have quad_ahead : quadratic (ahead P Q) v = a by rewrite quadraticDl quadratic_opposite !quadratic_scaled quadratic_eigen_right.
have twice_a : a *+ 2 = - s.
  by apply/eqP; rewrite -addr_eq0 mulr2n -{1}quad_ahead -quad_ahead -{2}quadratic_transposed -!quadraticDl eq_P /quadratic mulmx0 mul0mx mxtrace0.
have q_s : q = a + s by rewrite /q eq_Q quadraticDl quad_ahead.
have q2 : q *+ 2 = s by rewrite q_s mulrnDl twice_a addrC mulr2n addrK.
have sp : (1 + kept) * s = 2%:R * (X * p).
  rewrite /X -mulrA mulrDl mul1r -{2}q2 mulrnAr -[kept * q](subrK (step * (h * p))) -/a mulrnDl twice_a addrA subrr add0r.
  by rewrite mulr_natl.
have noise : s = kept ^+ 2 * s - kept * step * (h * s) + step ^+ 2 * (h * (h * p)) + 2%:R * step * (1 - kept) * w.
  rewrite {1}/s {1}eq_V !quadraticDl quadratic_opposite !quadratic_scaled quadraticDl quadratic_eigen_right quadratic_transposed quadratic_eigen_left -mulrDr -mulr2n q2 quadratic_eigen_right quadratic_eigen_left.
  by congr (_ + _); rewrite -scalemx1 quadratic_scaled.
have X_s : kept * step * (h * s) = X * (2%:R * (X * p) - s).
  have -> : 2%:R * (X * p) - s = kept * s by rewrite -sp mulrDl mul1r addrC addKr.
  by rewrite /X -!mulrA mulrCA [kept * (h * s)]mulrCA.
have X_p : step ^+ 2 * (h * (h * p)) = X * (X * p).
  by rewrite /X expr2 -!mulrA; congr (_ * _); rewrite mulrCA.
have left : s - kept ^+ 2 * s = (1 - kept) * (2%:R * (X * p)).
  by rewrite -sp mulrA -subr_sqr expr1n mulrBl mul1r.
have excess : s - X * p = (1 - kept) * (X * p / (1 + kept)).
  apply: (mulfI kept2); rewrite mulrBr sp mulr_natl mulr2n [(1 + kept) * (X * p)]mulrDl mul1r opprD addrA addrK.
  by rewrite [RHS]mulrCA [(1 + kept) * _]mulrC mulfVK // mulrBl mul1r.
have balance : (1 - kept) * (2%:R * (X * p)) = X * (s - X * p) + 2%:R * step * (1 - kept) * w.
  rewrite -left {1}noise X_s X_p; apply/eqP; rewrite subr_eq [X in _ == X]addrAC; apply/eqP; congr (_ + _).
  rewrite [RHS]addrC -addrA; congr (_ + _); rewrite -mulrN -mulrDr opprB; congr (_ * _).
  by rewrite mulr_natl mulr2n opprD addrA addrNK.
have : 2%:R * (X * p) = X * (X * p / (1 + kept)) + 2%:R * step * w.
  apply: (mulfI (_ : 1 - kept != 0)); first by rewrite subr_eq0 eq_sym.
  by rewrite balance excess mulrCA [in RHS]mulrDr; congr (_ + _); rewrite [RHS]mulrCA mulrA.
move/eqP; rewrite addrC -subr_eq => /eqP final; apply: (mulfI (mulf_neq0 two0 step0)); rewrite -final.
rewrite -/X -/p -[h * _ * p]mulrA [LHS]mulrA -[2%:R * step * h]mulrA -/X mulrCA mulrBl mul1r -[2%:R * X * p]mulrA.
clearbody X; congr (_ - _); rewrite invfM -!mulrA; congr (_ * _); rewrite [(1 + kept)^-1 * _]mulrCA mulKf //.
by rewrite [LHS]mulrC mulrA.
Qed.

End Momentum.
