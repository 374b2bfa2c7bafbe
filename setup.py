"Builds the package that settings.ini describes: edit there, not here."

from configparser import ConfigParser
from pathlib import Path

import setuptools

settings = ConfigParser()
settings.read("settings.ini", encoding="utf-8")
settings = settings["DEFAULT"]
package = settings["lib_path"]


def words(key):
    "The words of one setting, by line or by space."
    return settings.get(key, "").split()


# Samples, run notebooks and bundled models are elsewhere in the checkout, and become parts of the package.
shipped = {f"{package}.data_samples": "data_samples", f"{package}.runs": "nbs/runs", f"{package}.models": "nbs/models"}
readme = Path("README.md")

setuptools.setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    author=settings["author"],
    author_email=settings["author_email"],
    keywords=words("keywords"),
    classifiers=[
        f"Development Status :: {settings['status']}",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
    ],
    python_requires=f">={settings['min_python']}",
    install_requires=words("requirements"),
    extras_require={key.removesuffix("_requirements"): words(key) for key in settings if key.endswith("_requirements")},
    packages=[*setuptools.find_packages(include=[package, f"{package}.*"]), *shipped],
    package_dir=shipped,
    package_data={
        f"{package}.data_samples": ["*", "*/*", "*/*/*"],
        f"{package}.runs": ["*.ipynb"],
        f"{package}.models": ["*/*"],
    },
    include_package_data=False,
    entry_points={"console_scripts": words("console_scripts"), "nbdev": [f"{package} = {package}._modidx:d"]},
)
