//! What the listed operations reach.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};

use crate::config::{Config, Service};
use crate::model::{Model, Operation, Reference, Shape};
use crate::names;

/// A service with the shapes to generate.
pub(crate) struct Reach<'m> {
    pub(crate) model: &'m Model,
    /// The listed operations, in the list's order.
    pub(crate) operations: Vec<(&'m str, &'m Operation)>,
    /// Shapes by name.
    pub(crate) shapes: BTreeMap<&'m str, &'m Shape>,
    /// Names of the shapes that carry secrets.
    sensitive: BTreeSet<&'m str>,
}

impl<'m> Reach<'m> {
    pub(crate) fn of(config: &Config, service: &Service, model: &'m Model) -> Result<Self> {
        let mut reach = Self {
            model,
            operations: Vec::new(),
            shapes: BTreeMap::new(),
            sensitive: BTreeSet::new(),
        };
        for listed in &service.operations {
            let (name, operation) = model
                .operations
                .0
                .iter()
                .find(|(name, _)| name == listed)
                .with_context(|| format!("the model has no operation {listed}"))?;
            reach.operations.push((name, operation));
            for root in operation.input.iter().chain(&operation.output) {
                reach.visit(&root.shape)?;
            }
        }
        reach.sensitive = reach
            .shapes
            .iter()
            .filter(|(name, shape)| shape.sensitive || config.is_sensitive(&service.name, name))
            .map(|(name, _)| *name)
            .collect();
        reach.refuse_collisions()?;
        Ok(reach)
    }

    /// Whether the value of this shape must not be shown.
    pub(crate) fn is_sensitive(&self, shape: &str) -> bool {
        self.sensitive.contains(shape)
    }

    pub(crate) fn shape(&self, name: &str) -> Result<&'m Shape> {
        self.shapes
            .get(name)
            .copied()
            .with_context(|| format!("the model has no shape {name}"))
    }

    fn visit(&mut self, name: &str) -> Result<()> {
        let model = self.model;
        let (name, shape) = model
            .shapes
            .0
            .iter()
            .find(|(key, _)| key == name)
            .with_context(|| format!("the model has no shape {name}"))?;
        if self.shapes.insert(name, shape).is_some() {
            return Ok(());
        }
        ensure!(
            !shape.flattened,
            "flattened shape {name}: not supported yet"
        );
        let members = shape.members.0.iter().map(|(_, member)| member);
        for inner in members
            .chain(&shape.member)
            .chain(&shape.key)
            .chain(&shape.value)
        {
            ensure!(
                inner.flattened.is_none(),
                "flattened use of {}: not supported yet",
                inner.shape
            );
            self.visit(&inner.shape)?;
        }
        Ok(())
    }

    /// Two names that become one in Rust would silently shadow each other.
    fn refuse_collisions(&self) -> Result<()> {
        let mut tables = BTreeSet::new();
        let operations = self.operations.iter().map(|(name, _)| *name);
        for name in self.shapes.keys().copied().chain(operations) {
            if !tables.insert(names::table(name)) {
                bail!("two shapes or operations share the Rust name of {name}");
            }
        }
        Ok(())
    }
}

/// The element, key or value of a collection.
pub(crate) fn part<'m>(part: Option<&'m Reference>, name: &str) -> Result<&'m Reference> {
    part.with_context(|| format!("the collection {name} lacks a part"))
}
