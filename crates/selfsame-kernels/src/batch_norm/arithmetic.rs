//! What is computed of every element, in vectors.

use pulp::Simd;

/// An operation on a target, on the value at its place, and on `N` coefficients of its column.
pub trait Lanewise<const N: usize>: Copy + Send + Sync {
    /// The new target.
    fn compute<S: Simd>(
        self,
        simd: S,
        target: S::f32s,
        value: S::f32s,
        coefficients: [S::f32s; N],
    ) -> S::f32s;
}

/// `(value - mean) · scale + shift + target`, through a ReLU or not; what is not a number stays so. Coefficients: mean, scale, shift.
#[derive(Clone, Copy)]
pub struct Normalise {
    pub relu: bool,
}

impl Lanewise<3> for Normalise {
    #[inline(always)]
    fn compute<S: Simd>(
        self,
        simd: S,
        target: S::f32s,
        value: S::f32s,
        coefficients: [S::f32s; 3],
    ) -> S::f32s {
        let output = simd.add_f32s(normalised(simd, value, coefficients), target);
        let zero = simd.splat_f32s(0.0);
        if self.relu { select(simd, simd.less_than_f32s(output, zero), zero, output) } else { output }
    }
}

/// The target, a gradient, through a ReLU behind [`Normalise`] without residual: the ReLU's input is computed again, in the same
/// way, which is faster than to read its output. Coefficients: mean, scale, shift.
#[derive(Clone, Copy)]
pub struct ThroughRelu;

impl Lanewise<3> for ThroughRelu {
    #[inline(always)]
    fn compute<S: Simd>(
        self,
        simd: S,
        target: S::f32s,
        value: S::f32s,
        coefficients: [S::f32s; 3],
    ) -> S::f32s {
        through_relu(simd, target, normalised(simd, value, coefficients))
    }
}

/// The target.
#[derive(Clone, Copy)]
pub struct Unchanged;

impl Lanewise<0> for Unchanged {
    #[inline(always)]
    fn compute<S: Simd>(
        self,
        _simd: S,
        target: S::f32s,
        _value: S::f32s,
        _coefficients: [S::f32s; 0],
    ) -> S::f32s {
        target
    }
}

/// `target · scale`.
#[derive(Clone, Copy)]
pub struct Scale;

impl Lanewise<1> for Scale {
    #[inline(always)]
    fn compute<S: Simd>(self, simd: S, target: S::f32s, _value: S::f32s, [scale]: [S::f32s; 1]) -> S::f32s {
        simd.mul_f32s(target, scale)
    }
}

/// From the output's gradient, the target, to the input's: `(target - shift - (value - mean) · slope) · scale`. Coefficients:
/// mean, scale, shift, slope.
#[derive(Clone, Copy)]
pub struct Project;

impl Lanewise<4> for Project {
    #[inline(always)]
    fn compute<S: Simd>(
        self,
        simd: S,
        target: S::f32s,
        value: S::f32s,
        [mean, scale, shift, slope]: [S::f32s; 4],
    ) -> S::f32s {
        let along = simd.mul_f32s(simd.sub_f32s(value, mean), slope);
        simd.mul_f32s(simd.sub_f32s(simd.sub_f32s(target, shift), along), scale)
    }
}

/// [`ThroughRelu`], then [`Project`]. Coefficients: mean, scale, shift before the ReLU, then shift and slope of the projection.
#[derive(Clone, Copy)]
pub struct ProjectThroughRelu;

impl Lanewise<5> for ProjectThroughRelu {
    #[inline(always)]
    fn compute<S: Simd>(
        self,
        simd: S,
        target: S::f32s,
        value: S::f32s,
        [mean, scale, shift, shift_of_gradient, slope]: [S::f32s; 5],
    ) -> S::f32s {
        let through = ThroughRelu.compute(simd, target, value, [mean, scale, shift]);
        Project.compute(simd, through, value, [mean, scale, shift_of_gradient, slope])
    }
}

#[inline(always)]
fn normalised<S: Simd>(simd: S, value: S::f32s, [mean, scale, shift]: [S::f32s; 3]) -> S::f32s {
    simd.add_f32s(simd.mul_f32s(simd.sub_f32s(value, mean), scale), shift)
}

/// A gradient through a ReLU with this output, or with this input.
#[inline(always)]
pub fn through_relu<S: Simd>(simd: S, gradient: S::f32s, output: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    select(simd, simd.less_than_or_equal_f32s(output, zero), zero, gradient)
}

/// [`Simd::select_f32s`], which is not always inlined and then slow.
#[inline(always)]
fn select<S: Simd>(simd: S, mask: S::m32s, chosen: S::f32s, otherwise: S::f32s) -> S::f32s {
    let [chosen, otherwise] = [simd.transmute_u32s_f32s(chosen), simd.transmute_u32s_f32s(otherwise)];
    simd.transmute_f32s_u32s(simd.select_u32s(mask, chosen, otherwise))
}
