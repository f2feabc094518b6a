//! What AWS has and Tollgate does not: refused by name, so that nothing a user sets is dropped in silence.
//!
//! Values that mean "none" are taken, because tools send them: an empty list, an empty `VpcConfig`, `ApplyOn: None`.

use aws_model::lambda::{
    CreateFunctionRequest, SnapStart, UpdateFunctionConfigurationRequest, VpcConfig,
};
use wire::Fault;

use crate::lambda::faults;

pub(in crate::lambda) fn in_create(input: &CreateFunctionRequest) -> Result<(), Fault> {
    refuse(&[
        (
            input.package_type.as_deref() == Some("Image"),
            "PackageType Image",
        ),
        (input.publish_to.is_some(), "PublishTo"),
        (is_vpc(input.vpc_config.as_ref()), "VpcConfig"),
        (is_text(input.kms_key_arn.as_deref()), "KMSKeyArn"),
        (is_list(input.layers.as_deref()), "Layers"),
        (
            is_list(input.file_system_configs.as_deref()),
            "FileSystemConfigs",
        ),
        (
            is_text(input.code_signing_config_arn.as_deref()),
            "CodeSigningConfigArn",
        ),
        (input.image_config.is_some(), "ImageConfig"),
        (is_snap_start(input.snap_start.as_ref()), "SnapStart"),
        (input.tenancy_config.is_some(), "TenancyConfig"),
        (
            input.capacity_provider_config.is_some(),
            "CapacityProviderConfig",
        ),
        (input.durable_config.is_some(), "DurableConfig"),
        (input.runtime_config.is_some(), "RuntimeConfig"),
        (input.runtime.as_deref() == Some("custom"), "Runtime custom"),
        (input.accelerator_config.is_some(), "AcceleratorConfig"),
    ])
}

pub(in crate::lambda) fn in_update(
    input: &UpdateFunctionConfigurationRequest,
) -> Result<(), Fault> {
    refuse(&[
        (is_vpc(input.vpc_config.as_ref()), "VpcConfig"),
        (is_text(input.kms_key_arn.as_deref()), "KMSKeyArn"),
        (is_list(input.layers.as_deref()), "Layers"),
        (
            is_list(input.file_system_configs.as_deref()),
            "FileSystemConfigs",
        ),
        (input.image_config.is_some(), "ImageConfig"),
        (is_snap_start(input.snap_start.as_ref()), "SnapStart"),
        (
            input.capacity_provider_config.is_some(),
            "CapacityProviderConfig",
        ),
        (input.durable_config.is_some(), "DurableConfig"),
        (input.runtime_config.is_some(), "RuntimeConfig"),
        (input.runtime.as_deref() == Some("custom"), "Runtime custom"),
        (input.accelerator_config.is_some(), "AcceleratorConfig"),
    ])
}

fn refuse(settings: &[(bool, &str)]) -> Result<(), Fault> {
    match settings.iter().find(|(is_set, _)| *is_set) {
        Some((_, name)) => Err(faults::not_supported(name)),
        None => Ok(()),
    }
}

fn is_text(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

fn is_list<T>(list: Option<&[T]>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

fn is_vpc(vpc: Option<&VpcConfig>) -> bool {
    vpc.is_some_and(|vpc| {
        is_list(vpc.subnet_ids.as_deref()) || is_list(vpc.security_group_ids.as_deref())
    })
}

fn is_snap_start(config: Option<&SnapStart>) -> bool {
    config.is_some_and(|config| config.apply_on.as_deref().is_some_and(|on| on != "None"))
}
