# The public names, by room, in the order in which a reader meets them.
# ruff: noqa: I001

# Which network?
from .networks.network import LinearNetwork as LinearNetwork
from .networks.layer import Dense as Dense
from .networks.layer import Layer as Layer
from .networks.residual import Residual as Residual
from .networks.scaled import Scaled as Scaled
from .networks.convolution import Conv2d as Conv2d
from .networks.convolution import ConvTranspose2d as ConvTranspose2d
from .networks.weightless import AvgPool2d as AvgPool2d
from .networks.weightless import Flatten as Flatten
from .networks.weightless import LinearOperator as LinearOperator
from .networks.weightless import Reshape as Reshape
from .networks.chain import Chain as Chain

# What is read and written?
from .files.weights import load_weights as load_weights
from .files.weights import save_weights as save_weights
from .files.builtin import digits as digits

# Where does inference settle?
from .numerics.precision import PrecisionError as PrecisionError
from .equilibria.covariance import output_covariance as output_covariance
from .equilibria.nudging import SoftOutput as SoftOutput
from .equilibria.equilibrium import Equilibrium as Equilibrium
from .equilibria.equilibrium import equilibrium as equilibrium

# The network as a generative model
from .equilibria.observation import Prior as Prior
from .equilibria.evidence import log_likelihood as log_likelihood
from .equilibria.posterior import Posterior as Posterior
from .equilibria.posterior import posterior as posterior
from .equilibria.recall import Recall as Recall
from .equilibria.recall import recall as recall
from .equilibria.sampling import sample_activities as sample_activities

# How does inference get there?
from .inference.energy import energy as energy
from .inference.precision_schedules import Decaying as Decaying
from .inference.precision_schedules import Schedule as Schedule
from .inference.precision_schedules import Spiking as Spiking
from .inference.relaxation import Relaxation as Relaxation
from .inference.simulation import simulate_inference as simulate_inference
from .inference.spectrum import Spectrum as Spectrum
from .inference.spectrum import inference_spectrum as inference_spectrum
from .inference.eigenmodes import InferenceModes as InferenceModes
from .inference.finite_time import finite_time_activities as finite_time_activities
from .inference.propagation import energy_propagation as energy_propagation
from .inference.langevin import LangevinLaw as LangevinLaw
from .inference.langevin import langevin_law as langevin_law

# What does one update do?
from .learning.updates import adaptive_learning_rates as adaptive_learning_rates
from .learning.updates import bias_updates as bias_updates
from .learning.updates import decorrelation_matrices as decorrelation_matrices
from .learning.updates import weight_updates as weight_updates
from .learning.decorrelation import SpectralRegularisation as SpectralRegularisation
from .learning.prediction_change import prediction_change as prediction_change
from .learning.alignment import target_alignment as target_alignment
from .learning.before_equilibrium import relaxed_alignment as relaxed_alignment
from .learning.before_equilibrium import relaxed_bias_updates as relaxed_bias_updates
from .learning.before_equilibrium import relaxed_prediction_change as relaxed_prediction_change
from .learning.before_equilibrium import relaxed_weight_updates as relaxed_weight_updates
from .learning.kernel import UpdateKernel as UpdateKernel
from .learning.kernel import update_kernel as update_kernel
from .learning.best_factors import BestAlignment as BestAlignment
from .learning.best_factors import best_alignment as best_alignment
from .learning.any_model import update_alignment as update_alignment
from .learning.any_model import update_prediction_change as update_prediction_change

# What should one expect of a random network?
from .networks.aligned_variances import aligned_variances as aligned_variances
from .random_networks.expected import ExpectedAlignment as ExpectedAlignment
from .random_networks.expected import expected_alignment as expected_alignment
from .random_networks.batch_alignment import batch_alignment as batch_alignment
from .random_networks.batch_limit import expected_batch_alignment as expected_batch_alignment
from .random_networks.covariance_spectrum import ExpectedSpectrum as ExpectedSpectrum
from .random_networks.covariance_spectrum import expected_spectrum as expected_spectrum
from .random_networks.limit_covariances import ExpectedCovariances as ExpectedCovariances
from .random_networks.limit_covariances import expected_covariances as expected_covariances

# What is proved, and does it hold here?
from .theorems.verify import Verdict as Verdict
from .theorems.verify import verify as verify
from .theorems.interference_free import InterferenceFree as InterferenceFree
from .theorems.interference_free import interference_free_covariances as interference_free_covariances

# How does training go?
from .training.algorithm import Algorithm as Algorithm
from .training.train import Training as Training
from .training.train import train as train
from .training.sweep import Sweep as Sweep
from .training.sweep import sweep as sweep
from .training.flow import gradient_flow as gradient_flow
from .training.flow import imbalances as imbalances
from .training.aligned_networks import DataModes as DataModes
from .training.aligned_networks import aligned_network as aligned_network
from .training.aligned_networks import critical_network as critical_network
from .training.aligned_networks import data_modes as data_modes
from .training.singular_modes import ModeTrajectories as ModeTrajectories
from .training.singular_modes import mode_dynamics as mode_dynamics
from .training.singular_modes import mode_learning_time as mode_learning_time
from .training.two_layers import TwoLayerTrajectories as TwoLayerTrajectories
from .training.two_layers import two_layer_dynamics as two_layer_dynamics
from .training.landscape import Curvature as Curvature
from .training.landscape import energy_hessian as energy_hessian
from .training.landscape import loss_hessian as loss_hessian
from .training.landscape import lowest_curvature as lowest_curvature
from .training.landscape import origin_hessian as origin_hessian
from .training.escape import escape_time as escape_time
from .training.escape import simulated_escape_time as simulated_escape_time

# What of nonlinear networks?
from .nonlinear.activations import Activated as Activated
from .nonlinear.chains import NonlinearNetwork as NonlinearNetwork
from .nonlinear.equilibrium import NonlinearEquilibrium as NonlinearEquilibrium
from .nonlinear.equilibrium import nonlinear_equilibrium as nonlinear_equilibrium
from .nonlinear.updates import nonlinear_alignment as nonlinear_alignment
from .nonlinear.updates import nonlinear_prediction_change as nonlinear_prediction_change
from .nonlinear.updates import nonlinear_updates as nonlinear_updates
from .nonlinear.tangent import linearised as linearised

# What do results look like?
from .report.comparison import Comparison as Comparison
from .report.comparison import compare as compare
from .report import plot as plot
from .report.html.report import write_report as write_report

# Modules of their own
from . import pcn as pcn
from . import symbolic as symbolic

__version__: str
