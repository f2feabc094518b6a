//! The specs this executor has been sent, by their ids.

use std::collections::HashMap;
use std::sync::Arc;

use domain::FunctionSpec;
use parking_lot::RwLock;

/// Specs kept in one generation. A spec is some kilobytes at most, most of it environment variables.
const GENERATION_MAX: usize = 2_048;

/// Remembers the specs that are in use: two generations, of which the older one is forgotten when the younger is full.
/// A forgotten spec is asked for again.
#[derive(Default)]
pub(crate) struct Specs(RwLock<Generations>);

#[derive(Default)]
struct Generations {
    young: HashMap<String, Arc<FunctionSpec>>,
    old: HashMap<String, Arc<FunctionSpec>>,
}

impl Specs {
    pub(crate) fn get(&self, spec_id: &str) -> Option<Arc<FunctionSpec>> {
        let old = {
            let known = self.0.read();
            if let Some(spec) = known.young.get(spec_id) {
                return Some(Arc::clone(spec));
            }
            Arc::clone(known.old.get(spec_id)?)
        };
        self.insert(Arc::clone(&old));
        Some(old)
    }

    pub(crate) fn forget(&self, spec_id: &str) {
        let mut known = self.0.write();
        known.young.remove(spec_id);
        known.old.remove(spec_id);
    }

    pub(crate) fn insert(&self, spec: Arc<FunctionSpec>) {
        let mut known = self.0.write();
        if known.young.len() >= GENERATION_MAX {
            known.old = std::mem::take(&mut known.young);
        }
        known.young.insert(spec.spec_id.clone(), spec);
    }
}

/// Some spec of one function, for tests.
#[cfg(test)]
pub(crate) fn sample(spec_id: &str) -> FunctionSpec {
    FunctionSpec {
        spec_id: spec_id.to_owned(),
        account: "000000000000".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        name: "f".parse().unwrap(),
        version: domain::Version::Latest,
        runtime: String::new(),
        handler: String::new(),
        architecture: domain::Architecture::X86_64,
        memory_mb: 128,
        timeout_s: 3,
        ephemeral_mb: 512,
        egress: domain::Egress::None,
        environment: std::collections::BTreeMap::new(),
        code_sha256: String::new(),
        code_size: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(id: usize) -> Arc<FunctionSpec> {
        Arc::new(sample(&id.to_string()))
    }

    #[test]
    fn what_is_forgotten_is_gone() {
        let specs = Specs::default();
        specs.insert(spec(0));
        specs.forget("0");
        assert!(specs.get("0").is_none());
    }

    #[test]
    fn what_is_used_stays() {
        let specs = Specs::default();
        for id in 0..3 * GENERATION_MAX {
            specs.insert(spec(id));
            assert!(specs.get("0").is_some(), "{id}");
        }
        assert!(specs.get("1").is_none());
        assert!(specs.get(&(3 * GENERATION_MAX - 1).to_string()).is_some());
    }
}
