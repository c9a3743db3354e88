(** Networks of small whole numbers on which what the paper prints is false. They are those of
    dlntheory/counterexamples.py, where they are worked by hand; here they are evaluated in exact rational numbers. *)

From mathcomp Require Import all_ssreflect all_algebra.
From DLN Require Import Chain Positive Covariance Equilibrium Updates Tables.

Set Implicit Arguments.
Unset Strict Implicit.
Unset Printing Implicit Defensive.

Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Local Notation rational := rat_realFieldType.

(** The Moore–Penrose pseudoinverse. *)
Definition pseudoinverse m p (M : 'M[rational]_(m, p)) (A : 'M[rational]_(p, m)) :=
  [/\ M *m A *m M = M, A *m M *m A = A, (M *m A)^T = M *m A & (A *m M)^T = A *m M].

(** The predictions of all samples move away from their targets: rᵀ dŷ < 0. *)
Definition away m B (r dY : 'M[rational]_(m, B)) := forall b, (r^T *m dY) b b < 0.

Lemma table_pseudoinverse m p f g :
  [&& same m p (mul m (mul p f g) f) f, same p m (mul p (mul m g f) g) g,
      same m m (tr (mul p f g)) (mul p f g) & same p p (tr (mul m g f)) (mul m g f)] ->
  pseudoinverse (table m p f) (table p m g).
Proof. by case/and4P=> ? ? ? ?; split; rewrite !(mulE, trE); apply: tableP. Qed.

Lemma table_away m B f g : all (fun b => mul m (tr f) g b b < 0) (iota 0 B) -> away (table m B f) (table m B g).
Proof. by move=> /allP neg b; rewrite trE mulE mxE neg // mem_iota ltn_ord. Qed.

(** ** Theorem 2 with the printed factor (mean x* x̂ᵀ)⁻¹ (eq. 27 and 50) *)

Section Printed2.

Let n : nat -> nat := nth 1%N [:: 3; 3; 1]%N.
Let t : nat -> entries := fun l =>
  rows (nth [::] [:: [:: [:: -1; 0; 0]; [:: 1; 2%:R; 0]; [:: 0; 0; 1]];
                     [:: [:: 1; 0; 0]]] l).
Let x := rows [:: [:: 1; 0]; [:: 0; 1]; [:: 0; 0]].
Let y := rows [:: [:: 1; 2%:R]].
Let lam := rows [:: [:: 1; 1]].
Let a : nat -> entries := fun l =>
  rows (nth [::] [:: [:: [:: 2%:R; 0; 0]; [:: 0; 2%:R; 0]; [:: 0; 0; 0]];
                     [:: [:: 5%:R; - 2%:R; 0]; [:: 1; 0; 0]; [:: 0; 0; 0]]] l).

Let T := network n t.
Let X : 'M[rational]_(n 0, 2) := table (n 0) 2 x.
Let Y : 'M[rational]_(n 2, 2) := table (n 2) 2 y.
Let A l : 'M[rational]_(n l) := table (n l) (n l) (a l).

(** There are two samples, fewer than any layer before the output has units, the factors are the pseudoinverses of
    what is printed, and still both predictions move away from their targets. *)
Theorem printed_theorem_2 :
  [/\ forall l, (l < 2)%N -> (2 < n l)%N,
      forall l, (l < 2)%N ->
        pseudoinverse (mean_outer (equilibrium T (L := 2) identities X Y l) (feedforward T X l)) (A l)
    & away (residual T X Y) (prediction_change T 2 X (with_matrices A (pc_update T identities X Y)))].
Proof.
have balance : same (n 2) 2 (mul (n 2) (covariance n t 2) lam) (sub y (forward n t x 2)) by vm_compute.
split.
- by case=> [|[]].
- move=> l lt_l2; rewrite (equilibriumE (isT : 0 < 2)%N balance (ltnW lt_l2)) forwardE mean_outerE.
  by apply: table_pseudoinverse; case: l lt_l2 => [|[|//]] _; vm_compute.
rewrite residualE.
have -> : prediction_change T 2 X (with_matrices A (pc_update T identities X Y))
  = table 1 2 (change_entries n t 2 x (fun l => mul (n l) (update_entries n t 2 2 x lam l) (a l))).
  rewrite -changeE; apply: eq_bigr => l _; congr (_ *m _ *m _).
  by rewrite /with_matrices (pc_updateE (isT : 0 < 2)%N balance (ltn_ord l)) mulE.
by apply: table_away; vm_compute.
Qed.

End Printed2.

(** ** Appendix I's rates 1 / (x*_{l-1}ᵀ x*_{l-1}) for residual networks *)

Section PrintedResidual.

Let n : nat -> nat := fun => 1%N.
Let t : nat -> entries := fun l => add unit (rows (nth [::] [:: [:: [:: 1]]; [:: [:: - 2%:R]]] l)).
Let x := rows [:: [:: 1]].
Let y := rows [:: [:: 4%:R]].
Let lam := rows [:: [:: 3%:R]].
Let star := sweep_entries n t 2 x lam.
Let alpha l := 1 / (1%:R^-1 * total 1 (fun b => mul 1 (tr (star l)) (star l) b b)).

Let T := network n t.
Let X : 'M[rational]_(n 0, 1) := table (n 0) 1 x.
Let Y : 'M[rational]_(n 2, 1) := table (n 2) 1 y.
Let xstar := equilibrium T (L := 2) identities X Y.

Theorem printed_appendix_I :
  [/\ forall l, (l < 2)%N -> mean_dot (xstar l) (xstar l) != 0,
      forall l, (l < 2)%N -> mean_dot (xstar l) (feedforward T X l) != 0
    & away (residual T X Y)
        (prediction_change T 2 X
           (with_rates (fun l => 1 / mean_dot (xstar l) (xstar l)) (pc_update T identities X Y)))].
Proof.
have balance : same (n 2) 1 (mul (n 2) (covariance n t 2) lam) (sub y (forward n t x 2)) by vm_compute.
have starE l : (l < 2)%N -> xstar l = table 1 1 (star l).
  by move=> lt_l2; exact: (equilibriumE (isT : 0 < 2)%N balance (ltnW lt_l2)).
split.
- by move=> l lt_l2; rewrite (starE l lt_l2) mean_dotE; case: l lt_l2 => [|[|//]] _; vm_compute.
- by move=> l lt_l2; rewrite (starE l lt_l2) forwardE mean_dotE; case: l lt_l2 => [|[|//]] _; vm_compute.
rewrite residualE.
have -> : prediction_change T 2 X (with_rates (fun l => 1 / mean_dot (xstar l) (xstar l)) (pc_update T identities X Y))
  = table 1 1 (change_entries n t 2 x (fun l => scale (alpha l) (update_entries n t 2 1 x lam l))).
  rewrite -changeE; apply: eq_bigr => l _; congr (_ *m _ *m _).
  by rewrite /with_rates (pc_updateE (isT : 0 < 2)%N balance (ltn_ord l)) (starE l (ltn_ord l)) mean_dotE scaleE.
by apply: table_away; vm_compute.
Qed.

End PrintedResidual.

(** ** Theorem 1's rates for a batch (eq. 24): 1 / mean_b(x*_{l-1}ᵀ x̂_{l-1}) *)

Section Printed1.

Let n : nat -> nat := fun => 1%N.
Let t : nat -> entries := fun => unit.
Let x := rows [:: [:: 1; 2%:R]].
Let y := rows [:: [:: - 3%:R; 0]].
Let lam := rows [:: [:: - 2%:R; - 1]].
Let star := sweep_entries n t 2 x lam.
Let alpha l := 1 / (2%:R^-1 * total 2 (fun b => mul 1 (tr (star l)) (forward n t x l) b b)).

Let T := network n t.
Let X : 'M[rational]_(n 0, 2) := table (n 0) 2 x.
Let Y : 'M[rational]_(n 2, 2) := table (n 2) 2 y.
Let xstar := equilibrium T (L := 2) identities X Y.

Theorem printed_batch_rates :
  [/\ forall l, (l < 2)%N -> mean_dot (xstar l) (feedforward T X l) != 0
    & away (residual T X Y)
        (prediction_change T 2 X
           (with_rates (fun l => 1 / mean_dot (xstar l) (feedforward T X l)) (pc_update T identities X Y)))].
Proof.
have balance : same (n 2) 2 (mul (n 2) (covariance n t 2) lam) (sub y (forward n t x 2)) by vm_compute.
have starE l : (l < 2)%N -> xstar l = table 1 2 (star l).
  by move=> lt_l2; exact: (equilibriumE (isT : 0 < 2)%N balance (ltnW lt_l2)).
split.
- by move=> l lt_l2; rewrite (starE l lt_l2) forwardE mean_dotE; case: l lt_l2 => [|[|//]] _; vm_compute.
rewrite residualE.
have -> : prediction_change T 2 X
    (with_rates (fun l => 1 / mean_dot (xstar l) (feedforward T X l)) (pc_update T identities X Y))
  = table 1 2 (change_entries n t 2 x (fun l => scale (alpha l) (update_entries n t 2 2 x lam l))).
  rewrite -changeE; apply: eq_bigr => l _; congr (_ *m _ *m _).
  rewrite /with_rates (pc_updateE (isT : 0 < 2)%N balance (ltn_ord l)) (starE l (ltn_ord l)).
  by rewrite forwardE mean_dotE scaleE.
by apply: table_away; vm_compute.
Qed.

End Printed1.
