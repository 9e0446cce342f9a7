//! A module as the optimiser, the checkpoints and the momentum encoder see it: named, flat tensors.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

/// One parameter or buffer of a module.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its path, as in torchvision (`layer1.0.conv1.weight`).
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values in row-major order, outside any gradient graph.
    pub value: Tensor<1>,
}

/// Access to a module's parameters by name. Every Burn module has it.
pub trait Parameters {
    /// All parameters and buffers, in the module's order.
    fn parameters(&self) -> Vec<Parameter>;

    /// The gradients of the parameters that have one, in the module's order, taken out of `gradients`.
    fn gradients(&self, gradients: &mut Gradients) -> Vec<(String, Tensor<1>)>;

    /// Replaces the values for which `update(name, value)` returns new ones (of the same length).
    fn update(&mut self, update: &mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>);
}

/// Whether weight decay and LARS adaptation apply to a parameter of this shape: not to biases and batch-norm parameters, which are the
/// parameters with one axis.
pub fn is_adapted(shape: &[usize]) -> bool {
    shape.len() > 1
}

/// Whether a parameter of this name is a running statistic of batch norm: moved by training passes, not by an optimiser.
pub fn is_statistic(name: &str) -> bool {
    name.ends_with("running_mean") || name.ends_with("running_var")
}

impl<M: Module> Parameters for M {
    fn parameters(&self) -> Vec<Parameter> {
        let mut visitor = Collect::default();
        self.visit(&mut visitor);
        visitor.found
    }

    fn gradients(&self, gradients: &mut Gradients) -> Vec<(String, Tensor<1>)> {
        let mut visitor = TakeGradients { path: Path::default(), gradients, found: Vec::new() };
        self.visit(&mut visitor);
        visitor.found
    }

    fn update(&mut self, update: &mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>) {
        let mut mapper = Replace { path: Path::default(), update };
        *self = self.clone().map(&mut mapper);
    }
}

#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        if is_named(container) {
            self.0.push(name.to_owned());
        }
    }

    fn exit(&mut self, container: &str) {
        if is_named(container) {
            self.0.pop();
        }
    }

    fn name(&self) -> String {
        self.0.join(".")
    }
}

/// Whether the members of a container are parts of a name: not the variants of an enum, which say what something is, not where.
fn is_named(container: &str) -> bool {
    !container.starts_with("Enum:")
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let count = tensor.shape().num_elements();
    tensor.reshape([count])
}

#[derive(Default)]
struct Collect {
    path: Path,
    found: Vec<Parameter>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val().without_autodiff();
        let shape = value.dims().to_vec();
        self.found.push(Parameter { name: self.path.name(), shape, value: flat(value) });
    }
}

struct TakeGradients<'a> {
    path: Path,
    gradients: &'a mut Gradients,
    found: Vec<(String, Tensor<1>)>,
}

impl ModuleVisitor for TakeGradients<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if !param.is_require_grad() {
            return;
        }
        if let Some(gradient) = param.val().grad_remove(self.gradients) {
            self.found.push((self.path.name(), flat(gradient)));
        }
    }
}

struct Replace<'a> {
    path: Path,
    update: &'a mut dyn FnMut(&str, Tensor<1>) -> Option<Tensor<1>>,
}

impl ModuleMapper for Replace<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, tensor, mapper) = param.consume();
        let (trained, tracked, shape) = (tensor.is_require_grad(), tensor.is_autodiff(), tensor.dims());
        let tensor = match (self.update)(&self.path.name(), flat(tensor.clone().without_autodiff())) {
            None => tensor,
            Some(value) => {
                let value = value.reshape(shape);
                let value = if tracked { Tensor::from_inner(value) } else { value };
                value.set_require_grad(trained)
            }
        };
        Param::from_mapped_value(id, tensor, mapper)
    }
}
