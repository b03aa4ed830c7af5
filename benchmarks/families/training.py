"""Trains the model of one family: ``python -m benchmarks.families.training FAMILY FILE``."""

import sys

from benchmarks.families.models import FAMILIES, TRAIN


def main() -> None:
    """Write the trained model."""
    import keras

    name, path = sys.argv[1:]
    family = FAMILIES[name]
    keras.utils.set_random_seed(0)
    model = family.build(keras)
    loss = {"box": family.loss, "kind": None} if name == "detection" else family.loss
    model.compile(keras.optimizers.Adam(3e-3), loss)
    x, y = family.samples(TRAIN)
    model.fit(x, {"box": y} if name == "detection" else y, epochs=family.epochs, verbose=0)
    model.save(path)


if __name__ == "__main__":
    main()
