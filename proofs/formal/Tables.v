(** Matrices of rationals that are computed: a twin for each definition, so that small networks can be evaluated. *)

From mathcomp Require Import all_ssreflect all_algebra.
From DLN Require Import Chain Positive Covariance Equilibrium Updates.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The entries of a matrix by row and column. *)
Definition entries := nat -> nat -> rat.

Definition table (m p : nat) (f : entries) : 'M[rat]_(m, p) := \matrix_(i, j) f i j.

(** Entries from rows of numbers; zero outside. *)
Definition rows (s : seq (seq rat)) : entries := fun i j => nth 0 (nth [::] s i) j.

Definition same (m p : nat) (f g : entries) : bool :=
  all (fun i => all (fun j => f i j == g i j) (iota 0 p)) (iota 0 m).

Lemma tableP m p f g : same m p f g -> table m p f = table m p g.
Proof.
move=> same_fg; apply/matrixP=> i j; rewrite !mxE; apply/eqP.
by apply: (allP (allP same_fg i _) j _); rewrite mem_iota ltn_ord.
Qed.

Fixpoint total (k : nat) (h : nat -> rat) : rat := if k is k'.+1 then total k' h + h k' else 0.

Lemma totalE k (h : nat -> rat) : \sum_(i < k) h i = total k h.
Proof. by elim: k => [|k IH] /=; rewrite ?big_ord0 // big_ord_recr /= IH. Qed.

Definition mul (k : nat) (f g : entries) : entries := fun i j => total k (fun q => f i q * g q j).
Definition tr (f : entries) : entries := fun i j => f j i.
Definition add (f g : entries) : entries := fun i j => f i j + g i j.
Definition sub (f g : entries) : entries := fun i j => f i j - g i j.
Definition scale (a : rat) (f : entries) : entries := fun i j => a * f i j.
Definition unit : entries := fun i j => if i == j then 1 else 0.

Lemma mulE m k p f g : table m k f *m table k p g = table m p (mul k f g).
Proof. by apply/matrixP=> i j; rewrite !mxE /mul -totalE; apply: eq_bigr => q _; rewrite !mxE. Qed.

Lemma trE m p f : (table m p f)^T = table p m (tr f).
Proof. by apply/matrixP=> i j; rewrite !mxE. Qed.

Lemma addE m p f g : table m p f + table m p g = table m p (add f g).
Proof. by apply/matrixP=> i j; rewrite !mxE. Qed.

Lemma subE m p f g : table m p f - table m p g = table m p (sub f g).
Proof. by apply/matrixP=> i j; rewrite !mxE. Qed.

Lemma scaleE m p a f : a *: table m p f = table m p (scale a f).
Proof. by apply/matrixP=> i j; rewrite !mxE. Qed.

Lemma unitE m : 1%:M = table m m unit.
Proof. by apply/matrixP=> i j; rewrite !mxE /unit -val_eqE; case: eqP. Qed.

Lemma zeroE m p : 0 = table m p (fun _ _ => 0).
Proof. by apply/matrixP=> i j; rewrite !mxE. Qed.

Lemma sumE m p k (f : nat -> entries) :
  \sum_(l < k) table m p (f l) = table m p (fun i j => total k (fun l => f l i j)).
Proof. by apply/matrixP=> i j; rewrite summxE mxE -totalE; apply: eq_bigr => l _; rewrite mxE. Qed.

Lemma mean_dotE m B f g :
  mean_dot (table m B f) (table m B g) = B%:R^-1 * total B (fun b => mul m (tr f) g b b).
Proof. by rewrite /mean_dot trE mulE /mxtrace -totalE; congr (_ * _); apply: eq_bigr => b _; rewrite mxE. Qed.

Lemma mean_outerE m p B f g :
  mean_outer (table m B f) (table p B g) = table m p (scale B%:R^-1 (mul B f (tr g))).
Proof. by rewrite /mean_outer trE mulE scaleE. Qed.

(** A network of plain predictive coding by its entries, and a batch. *)
Section Network.

Variables (n : nat -> nat) (t : nat -> entries) (L B : nat) (x y : entries).

Definition network : maps rat_realFieldType n := fun l => table (n l.+1) (n l) (t l).

Local Notation X := (table (n 0) B x).
Local Notation Y := (table (n L) B y).

Fixpoint forward (l : nat) : entries := if l is l'.+1 then mul (n l') (t l') (forward l') else x.

Fixpoint chain (k l : nat) : entries := if k is k'.+1 then mul (n l.+1) (chain k' l.+1) (t l) else unit.

Definition down l := chain (L - l) l.

Definition covariance : entries := fun i j => total L (fun l => mul (n l.+1) (down l.+1) (tr (down l.+1)) i j).

Fixpoint sweep_entries (lam : entries) (l : nat) : entries :=
  if l is l'.+1 then add (mul (n l') (t l') (sweep_entries lam l')) (mul (n L) (tr (down l)) lam) else x.

Definition change_entries (dW : nat -> entries) : entries :=
  fun i j => total L (fun l => mul (n l) (mul (n l.+1) (down l.+1) (dW l)) (forward l) i j).

Lemma forwardE l : feedforward network X l = table (n l) B (forward l).
Proof. by elim: l => //= l ->; rewrite mulE. Qed.

Lemma downE l : (l <= L)%N -> downstream network L l = table (n L) (n l) (down l).
Proof.
rewrite /downstream /down => le_lL; move: {-1}(L - l)%N (erefl (L - l)%N) => k def_k.
elim: k l le_lL def_k => [|k IH] l le_lL def_k /=.
  have -> : l = L by apply/eqP; rewrite eqn_leq le_lL -subn_eq0 def_k.
  by rewrite pid_mx_1 unitE.
have lt_lL : (l < L)%N by rewrite -subn_gt0 def_k.
by rewrite IH ?mulE // subnS def_k.
Qed.

Lemma covarianceE : output_covariance network identities L = table (n L) (n L) covariance.
Proof.
rewrite output_covariance_plain -sumE; apply: eq_bigr => l _.
by rewrite downE // trE mulE.
Qed.

Lemma sweepE lam l :
  (l <= L)%N ->
  sweep network identities X (table (n L) B lam) l = table (n l) B (sweep_entries lam l).
Proof.
elim: l => //= l IH lt_lL.
by rewrite IH ?(ltnW lt_lL) // mul1mx downE // trE !mulE addE.
Qed.

Lemma residualE : residual network X Y = table (n L) B (sub y (forward L)).
Proof. by rewrite /residual forwardE subE. Qed.

Lemma changeE dW :
  prediction_change network L X (fun l => table (n l.+1) (n l) (dW l)) = table (n L) B (change_entries dW).
Proof.
rewrite /prediction_change -sumE; apply: eq_bigr => l _.
by rewrite downE // forwardE !mulE.
Qed.

(** λ is given, and checked: S λ = r. *)
Variable lam : entries.
Hypotheses (L0 : (0 < L)%N) (balance : same (n L) B (mul (n L) covariance lam) (sub y (forward L))).

Lemma multiplierE : multiplier network identities X Y = table (n L) B lam.
Proof.
rewrite /multiplier residualE -(tableP balance) -mulE -covarianceE mulKmx //.
exact/output_covariance_invertible/L0/positive_identities.
Qed.

Lemma equilibriumE l : (l <= L)%N -> equilibrium network identities X Y l = table (n l) B (sweep_entries lam l).
Proof. by move=> le_lL; rewrite /equilibrium multiplierE sweepE. Qed.

Definition update_entries (l : nat) : entries :=
  scale B%:R^-1 (mul B (mul (n L) (tr (down l.+1)) lam) (tr (sweep_entries lam l))).

Lemma pc_updateE l :
  (l < L)%N -> pc_update network identities X Y l = table (n l.+1) (n l) (update_entries l).
Proof.
by move=> lt_lL; rewrite /pc_update /outer_update equilibriumE ?(ltnW lt_lL) // multiplierE downE // !trE !mulE scaleE.
Qed.

End Network.
