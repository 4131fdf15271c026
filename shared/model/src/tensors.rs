//! Typed arrays in and out of safetensors bytes.

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

use crate::ModelError;

/// A named one-dimensional array on its way to a file.
pub(crate) struct Tensor {
    name: &'static str,
    dtype: Dtype,
    len: usize,
    bytes: Vec<u8>,
}

#[cfg(test)]
impl Tensor {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

pub(crate) fn floats(name: &'static str, values: impl IntoIterator<Item = f64>) -> Tensor {
    let bytes: Vec<u8> = values.into_iter().flat_map(f64::to_le_bytes).collect();
    Tensor { name, dtype: Dtype::F64, len: bytes.len() / size_of::<f64>(), bytes }
}

pub(crate) fn counts(name: &'static str, values: impl IntoIterator<Item = u32>) -> Tensor {
    let bytes: Vec<u8> = values.into_iter().flat_map(u32::to_le_bytes).collect();
    Tensor { name, dtype: Dtype::U32, len: bytes.len() / size_of::<u32>(), bytes }
}

/// Writes the arrays; the same arrays give the same bytes.
pub(crate) fn write(tensors: &[Tensor]) -> Vec<u8> {
    let views = tensors.iter().map(|tensor| {
        let view = TensorView::new(tensor.dtype, vec![tensor.len], &tensor.bytes);
        (tensor.name, view.expect("the length is that of the bytes"))
    });
    serialize(views, None).expect("one-dimensional arrays can be written")
}

/// A file whose arrays are read by name.
pub(crate) struct Tensors<'a>(SafeTensors<'a>);

impl<'a> Tensors<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, ModelError> {
        SafeTensors::deserialize(bytes)
            .map(Self)
            .map_err(|error| ModelError::NotSafetensors(error.to_string()))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.names().contains(&name)
    }

    /// Refuses any array but these.
    pub(crate) fn only(&self, names: &[&str], kind: &'static str) -> Result<(), ModelError> {
        match self.0.names().into_iter().find(|name| !names.contains(name)) {
            Some(name) => Err(ModelError::UnexpectedTensor(name.to_owned(), kind)),
            None => Ok(()),
        }
    }

    /// Reads finite 64-bit floats.
    pub(crate) fn floats(&self, name: &'static str) -> Result<Vec<f64>, ModelError> {
        let values = self.floats_or_nan(name)?;
        all_finite(name, &values)?;
        Ok(values)
    }

    /// Reads 64-bit floats, whatever they are.
    pub(crate) fn floats_or_nan(&self, name: &'static str) -> Result<Vec<f64>, ModelError> {
        Ok(self.float_bytes(name)?.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }

    /// 64-bit floats, whatever they are, as they are in the file.
    pub(crate) fn float_bytes(&self, name: &'static str) -> Result<&'a [[u8; 8]], ModelError> {
        Ok(self.bytes(name, Dtype::F64)?.as_chunks().0)
    }

    pub(crate) fn counts(&self, name: &'static str) -> Result<Vec<u32>, ModelError> {
        Ok(self.count_bytes(name)?.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect())
    }

    /// Counts as they are in the file.
    pub(crate) fn count_bytes(&self, name: &'static str) -> Result<&'a [[u8; 4]], ModelError> {
        Ok(self.bytes(name, Dtype::U32)?.as_chunks().0)
    }

    fn bytes(&self, name: &'static str, dtype: Dtype) -> Result<&'a [u8], ModelError> {
        let view = self.0.tensor(name).map_err(|_| ModelError::MissingTensor(name))?;
        if view.dtype() != dtype || view.shape().len() != 1 {
            return Err(ModelError::WrongTensor {
                name,
                expected: format!("{dtype:?} of one dimension"),
                found: format!("{:?} of shape {:?}", view.dtype(), view.shape()),
            });
        }
        Ok(view.data())
    }
}

pub(crate) fn all_finite(name: &'static str, values: &[f64]) -> Result<(), ModelError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(idx) => Err(ModelError::NotFinite { name, idx, value: values[idx] }),
        None => Ok(()),
    }
}

/// Refuses an array of another length.
pub(crate) fn of_length(
    name: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), ModelError> {
    if found == expected {
        return Ok(());
    }
    let expected = format!("of length {expected}");
    Err(ModelError::WrongTensor { name, expected, found: format!("of length {found}") })
}
