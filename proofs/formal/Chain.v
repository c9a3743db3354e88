(** Networks of linear layers, and the one lemma that carries every induction.

    Layers are numbered as in the theory: the input is layer 0, the output is layer L, and layer l has n_l units.
    A linear map and a weight update bear the number of the layer that they start from: [T l] is the T_{l+1} that takes
    layer l to layer l+1. Everything else bears the number of its own layer; only [error z l] is ε_{l+1}. Samples are
    columns; there are B of them. *)

From mathcomp Require Import all_ssreflect ssralg ssrnum zmodp matrix mxalgebra.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import GRing.Theory.
Local Open Scope ring_scope.

(** A linear map for each layer: W_{l+1} for a dense layer, I + W_{l+1} for a residual one. A weight update has the
    same type. *)
Definition maps (F : realFieldType) (n : nat -> nat) := forall l, 'M[F]_(n l.+1, n l).

(** A value for each unit of each layer, and each sample. *)
Definition activity (F : realFieldType) (n : nat -> nat) (B : nat) := forall l, 'M[F]_(n l, B).

Section Chain.

Variables (F : realFieldType) (n : nat -> nat) (T : maps F n) (L : nat).

(** D_l = T_L … T_{l+1}: a product of k maps that starts at layer l. For k = L - l it ends with the identity of layer
    L; [pid_mx] is that identity without asking for a proof that the widths agree. *)
Fixpoint product (k l : nat) : 'M[F]_(n L, n l) :=
  if k is k'.+1 then product k' l.+1 *m T l else pid_mx (n L).

Definition downstream l := product (L - l) l.

Local Notation D := downstream.

(** D_L = I, and D_l = D_{l+1} T_{l+1}. *)
Lemma downstream_last : D L = 1%:M.
Proof. by rewrite /D subnn /= pid_mx_1. Qed.

Lemma downstream_rec l : (l < L)%N -> D l = D l.+1 *m T l.
Proof. by move=> lt_lL; rewrite /D -subnSK. Qed.

Variable B : nat.

(** x̂_0 = x, x̂_{l+1} = T_{l+1} x̂_l. *)
Fixpoint feedforward (X : 'M[F]_(n 0, B)) (l : nat) : 'M[F]_(n l, B) :=
  if l is l'.+1 then T l' *m feedforward X l' else X.

(** The prediction error ε_{l+1} = x_{l+1} − T_{l+1} x_l. *)
Definition error (z : activity F n B) (l : nat) : 'M[F]_(n l.+1, B) := z l.+1 - T l *m z l.

(** What reaches the output from layer k is what comes from the input and from the errors on the way. *)
Lemma telescope_at (z : activity F n B) k :
  (k <= L)%N -> D k *m z k = D 0%N *m z 0%N + \sum_(l < k) D l.+1 *m error z l.
Proof.
elim: k => [|k IH] le_kL; first by rewrite big_ord0 addr0.
rewrite big_ord_recr /= addrA -IH ?(ltnW le_kL) // (downstream_rec le_kL).
by rewrite /error mulmxBr mulmxA addrC subrK.
Qed.

Lemma telescope (z : activity F n B) : z L = D 0%N *m z 0%N + \sum_(l < L) D l.+1 *m error z l.
Proof. by rewrite -telescope_at // downstream_last mul1mx. Qed.

(** Activities without errors are the feedforward ones. *)
Lemma error_feedforward X l : error (feedforward X) l = 0.
Proof. by rewrite /error subrr. Qed.

Lemma feedforward_downstream X : feedforward X L = D 0%N *m X.
Proof.
rewrite [LHS]telescope big1 ?addr0 // => l _.
by rewrite error_feedforward mulmx0.
Qed.

(** Activities are determined by their input and their errors. *)
Lemma eq_activity (z z' : activity F n B) k :
  z 0%N = z' 0%N -> (forall l, (l < k)%N -> error z l = error z' l) -> z k = z' k.
Proof.
elim: k => // k IH eq0 eq_err.
have := eq_err k (ltnSn k); rewrite /error IH // => [|l lt_lk]; last exact/eq_err/ltnW.
by move/(addIr (- (T k *m z' k))).
Qed.

(** The feedforward activities have their rows in the row space of the input. *)
Lemma feedforward_row_space X l : (feedforward X l <= X)%MS.
Proof. by elim: l => [|l IH] /=; rewrite ?submx_refl // (submx_trans (submxMl _ _)). Qed.

(** The change of the prediction in the continuous-time limit: dŶ = Σ_l D_l ΔW_l X̂_{l-1}. That it is the derivative of
    the prediction is shown in FirstOrder.v. *)
Definition prediction_change (X : 'M[F]_(n 0, B)) (dW : maps F n) : 'M[F]_(n L, B) :=
  \sum_(l < L) D l.+1 *m dW l *m feedforward X l.

End Chain.

(** One layer more puts one more map in front. *)
Lemma downstream_deeper (F : realFieldType) n (T : maps F n) L l :
  (l <= L)%N -> downstream T L.+1 l = T L *m downstream T L l.
Proof.
move=> le_lL; move: {-1}(L - l)%N (erefl (L - l)%N) => k def_k.
elim: k l le_lL def_k => [|k IH] l le_lL def_k.
  have ->: l = L by apply/eqP; rewrite eqn_leq le_lL -subn_eq0 def_k.
  by rewrite downstream_rec // !downstream_last mulmx1 mul1mx.
have lt_lL : (l < L)%N by rewrite -subn_gt0 def_k.
rewrite (downstream_rec _ lt_lL) (downstream_rec _ (leqW lt_lL)) mulmxA IH //.
by rewrite subnS def_k.
Qed.
