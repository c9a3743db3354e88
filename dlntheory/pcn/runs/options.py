"""The options of a training, once: each with its default and its meaning, for Python and for the command line."""

from dataclasses import dataclass, field
from typing import Any

LIMIT = 1e8
"""Mean loss or energy of a layer above which a run has diverged, unless its configuration names another."""
DATA, MODEL, ALGORITHM, LOOP = "Data", "Model", "Algorithm (defaults: the preset's)", "Training"


def option(default: Any, group: str, help: str, absent: str = "none") -> Any:
    """A field with its meaning, in a group of options; ``absent`` says what ``None`` stands for."""
    return field(default=default, metadata={"group": group, "help": help, "absent": absent})


def _of_preset(help: str) -> Any:
    return option(None, ALGORITHM, help, "the preset's")


@dataclass(frozen=True)
class Options:
    """The options of a training."""

    data: str = option(
        "digits", DATA, "Data set: digits, digits-32, moons, circles, iris, mnist, fashion-mnist, kmnist, "
        "emnist-letters, notmnist, cifar10, cifar10-jpeg, cifar100, tiny-imagenet, celeba, celeba-200 or openml:NAME; "
        "or a file of yours, .npz with x and y, or .csv.",
    )  # fmt: skip
    data_dir: str | None = option(None, DATA, "Folder of its files.")
    train_samples: int | None = option(None, DATA, "Keep so many training samples, classes in proportion.", "all")
    test_samples: int | None = option(None, DATA, "Keep so many test samples, classes in proportion.", "all")
    validation: float | None = option(
        None, DATA, "Set this share of the training samples apart, classes in proportion: the best epoch and the best "
        "trial of a search are chosen on them.", "chosen on the test set",
    )  # fmt: skip
    resize: int | None = option(None, DATA, "Resize images to squares of this side.", "as they are")
    outputs: int | None = option(None, DATA, "Pad the one-hot labels with zeros to so many outputs.", "the classes")
    flip: bool = option(False, DATA, "Mirror training images at random.")
    crop: int | None = option(None, DATA, "Crop training images at random to this side, test images in the middle.")
    padding: int = option(0, DATA, "Black pixels around training images before they are cropped.")
    rotation: float = option(0.0, DATA, "Turn training images at random, by so many degrees at most.")
    order: str = option("shuffled", DATA, "Order of the samples: shuffled, or aligned by class.")
    normalise: bool = option(True, DATA, "Shift and scale samples to a mean of 0 and a deviation of 1, or keep 0 to 1.")
    model: str = option(
        "MLP", MODEL, "MLP, AE, Conv-AE, Decoder, Conv-Decoder, AlexNet, VGG-5, 7, 9, 10, 15 or 19, or ResNet-18."
    )
    hidden: tuple[int, ...] | None = option(
        None, MODEL, "Widths of the MLP's hidden layers, of the AE's encoder, or of the one that the Decoder mirrors, "
        "such as 128,32.", "the model's",
    )  # fmt: skip
    channels: tuple[int, ...] | None = option(
        None,
        MODEL,
        "Channels of the Conv-AE or Conv-Decoder, such as 32,8, or of every convolution of a VGG or AlexNet.",
        "the model's",
    )
    kernel: int | None = option(None, MODEL, "The side of the kernels of the Conv-AE or Conv-Decoder.", "3")
    prior: float | None = option(None, MODEL, "Variance of a decoder's latent.", "infinite")
    activation: str = option("gelu", MODEL, "Between the layers: gelu, relu, leaky_relu, hard_tanh, …")
    norm: str | None = option(None, MODEL, "Batch normalisation: standard, frozen or none.", "the model's")
    skip: bool = option(False, MODEL, "The skip connection of VGG-19.")
    auxiliary: bool = option(False, MODEL, "Auxiliary neurons in the skips of ResNet-18.")
    algorithm: str = option("PC-SE", ALGORITHM, "A name that --list-algorithms prints.")
    inference_steps: int | None = _of_preset("Inference steps T.")
    step_size: float | None = _of_preset("Step size of the states.")
    momentum: float | None = _of_preset("Momentum of the states.")
    beta: float | None = _of_preset("Strength of nudging.")
    beta_rate: float | None = _of_preset("Growth of beta per epoch.")
    beta_end: str | None = option(None, ALGORITHM, "End of negative nudging: reflection or target.", "reflection")
    decay: float | None = _of_preset("k of decaying precisions.")
    initial: str | None = _of_preset("Initial state: forward, zero, random, null, class_average or hopfield.")
    average_layer: int | None = option(None, ALGORITHM, "First layer that starts at a class average.", "1")
    patterns: int | None = option(None, ALGORITHM, "Memorised patterns of each state's Hopfield memory.", "32")
    memory_width: int | None = option(None, ALGORITHM, "Width of its queries and keys.", "16")
    memory_rate: float | None = option(None, ALGORITHM, "Its learning rate.", "learned as the weights are")
    memory_heads: int | None = option(None, ALGORITHM, "Its heads, whose recollections are added.", "1")
    memory_layers: int | None = option(
        None, ALGORITHM, "States with a memory, from the first; a forward pass goes on from them.", "all"
    )
    memory_start: str | None = option(
        None, ALGORITHM, "The untrained start that it is fitted to: forward, zero or random.", "forward"
    )
    nudging: str | None = _of_preset("positive, negative, centred or averaged, with any algorithm that infers.")
    sign_by: str | None = option(None, ALGORITHM, "Draw centred nudging's sign by epoch or by batch.", "epoch")
    precisions: str | None = _of_preset("decaying or spiking, with any algorithm that infers.")
    noise: float | None = option(None, ALGORITHM, "Standard deviation of Langevin dynamics.", "1")
    rescaling: str | None = option(
        None, ALGORITHM, "Of the MLP's or AE's weight updates: adaptive, adaptive_positive or decorrelated."
    )
    output_variance: float | None = option(None, ALGORITHM, "Variance of the output's squared error.", "1")
    average_from: int | None = option(
        None, ALGORITHM, "Average the weights' gradients from this inference step on.", "the last only"
    )
    test_steps: tuple[int, ...] | None = option(
        None, ALGORITHM, "Inference steps of a decoder's test, such as 2,8,32; it is tested with each.", "training's"
    )
    test_step_size: float | None = option(None, ALGORITHM, "Step size of the states in its test.", "training's")
    epochs: int = option(25, LOOP, "Epochs, at most.")
    batch_size: int = option(128, LOOP, "Samples per step.")
    optimiser: str = option("adamw", LOOP, "Of the weights: adamw, adam or sgd.")
    learning_rate: float = option(3e-4, LOOP, "Learning rate of the weights, before its warm-up and cosine.")
    weight_momentum: float = option(0.0, LOOP, "Momentum of sgd.")
    weight_decay: float = option(1e-4, LOOP, "Weight decay: decoupled with adamw, otherwise added to the gradient.")
    rate: str = option("cosine", LOOP, "Of the weights: cosine, after a warm-up, or constant.")
    schedule_epochs: int | None = option(None, LOOP, "Epochs of the warm-up and the cosine.", "epochs")
    patience: int | None = option(
        None, LOOP, "Stop after so many epochs without a better accuracy, in validation if there is one.", "never"
    )
    diverged_above: float = option(LIMIT, LOOP, "Mean loss or energy of a layer above which training has diverged.")
    seed: int = option(0, LOOP, "Seed of the weights, the order of the samples, augmentation and inference.")
    precision: str = option("float32", LOOP, "float32, float64, or bfloat16 (mixed).")
    devices: int = option(1, LOOP, "Devices that share each batch.")
    alignment: bool = option(False, LOOP, "Measure target alignment.")
    log_every: int = option(20, LOOP, "Steps between two lines of metrics; fewer where those divide an epoch.")
    checkpoint_seconds: float = option(60.0, LOOP, "Time between two checkpoints; 0 makes one after every line.")
