//! Registries that cannot be written to.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::helpers::{Place, failure, rents, stdout, trainer};

fn fit_into(place: &Place, registry: &str) -> (i32, String) {
    let data = place.file("rents.csv", rents(60));
    let mut fit = place.fit(&data);
    fit.args(["--registry", registry]);
    failure(fit)
}

#[test]
fn refuses_a_registry_that_is_no_folder() {
    let place = Place::new();
    let file = place.file("models", "");
    let (exit_code, error) = fit_into(&place, file.to_str().expect("UTF-8"));
    assert_eq!(exit_code, 1);
    assert!(error.contains("cannot be a registry"), "{error}");
    let (exit_code, error) = fit_into(&place, "ftp://models");
    assert_eq!(exit_code, 1);
    assert!(error.contains("`ftp://models` cannot be a registry"), "{error}");
}

#[test]
fn finds_out_before_the_fit_that_it_may_not_write() {
    // /proc is a folder in which nobody can make a file, root neither.
    let (exit_code, error) = fit_into(&Place::new(), "/proc");
    assert_eq!(exit_code, 1);
    assert!(error.starts_with("error: the registry /proc is not writable"), "{error}");
}

#[test]
fn finds_out_before_the_fit_that_it_may_not_write_versions() {
    let place = Place::new();
    fs::create_dir_all(place.registry().join("rents")).expect("folders");
    std::os::unix::fs::symlink("/proc", place.registry().join("rents/versions")).expect("a link");
    let (exit_code, error) = fit_into(&place, place.registry().to_str().expect("UTF-8"));
    assert_eq!(exit_code, 1);
    assert!(
        error.starts_with("error: the folder ")
            && error.contains("rents/versions of the registry is not writable"),
        "{error}"
    );
}

#[test]
fn a_failure_leaves_no_registry_behind() {
    let place = Place::new();
    let mut csv = "a,b,rent\n".to_owned();
    (0..40).for_each(|i| csv.push_str(&format!("{i},{},{}\n", 2 * i, i % 7)));
    let data = place.file("rents.csv", csv);
    let fail = |registry: PathBuf| {
        let mut fit = place.fit(&data);
        fit.args(["--estimator", "linear", "--registry"]).arg(registry);
        assert_eq!(failure(fit).0, 1);
    };
    fail(place.path("new/deep/models"));
    assert!(!place.path("new").exists());
    fs::create_dir(place.registry()).expect("a folder");
    fail(place.registry());
    assert!(place.registry().exists(), "it was there before");
}

/// A file system of its own that is unmounted with this value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this process may not mount.
    fn mount(path: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&path).expect("a folder");
        let size = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "canopy-test"]).arg(&path);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        is_mounted.then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_no_version() {
    let place = Place::new();
    let Some(disk) = SmallDisk::mount(place.path("disk"), "96k") else {
        println!("skipped: mounting a tmpfs needs root");
        return;
    };
    let registry = disk.0.join("models");
    let data = place.file("rents.csv", rents(60));
    let mut fits = 0;
    // Versions fit until one does not, whichever of its files that is.
    let error = loop {
        let output = place.fit(&data).arg("--registry").arg(&registry).output();
        let output = output.expect("the binary runs");
        if output.status.code() != Some(0) {
            assert_eq!(output.status.code(), Some(1));
            break String::from_utf8(output.stderr).expect("UTF-8");
        }
        fits += 1;
        assert!(fits < 50, "the disk never fills");
    };
    println!("the disk held {fits} versions");
    assert!(error.to_lowercase().contains("no space left"), "{error}");
    let mut list = trainer();
    let listed =
        list.args(["list", "--registry"]).arg(&registry).output().expect("the binary runs");
    let n_listed = stdout(&listed).lines().filter(|line| line.starts_with("rents")).count();
    assert_eq!(n_listed, fits, "only whole versions are listed");
    for version in 1..=fits {
        let mut verify = trainer();
        let verified =
            verify.args(["verify", &format!("rents@{version}"), "--registry"]).arg(&registry);
        assert!(verified.status().expect("the binary runs").success());
    }
}
