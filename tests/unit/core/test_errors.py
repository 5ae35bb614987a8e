"""Every error says which HTTP status and exit code it becomes."""

from http import HTTPStatus

from crime.core import errors
from crime.core.errors import CrimeError


def test_all_errors_are_of_one_tree_with_a_status_and_an_exit_code() -> None:
    classes = {error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, Exception)}
    assert len(classes) == 19
    for error in classes:
        assert issubclass(error, CrimeError)
        assert 400 <= HTTPStatus(error.status) < 600
        assert error.exit_code == 1
        assert error.__name__ in (errors.__doc__ or "")


def test_a_model_that_is_missing_names_the_command_that_makes_it() -> None:
    error = errors.ModelNotFoundError("crime-category@champion", "mlruns", "crime train")
    assert str(error) == "no model crime-category@champion in mlruns: `crime train` makes one"
    assert isinstance(error, errors.RegistryError)
    assert error.status == 404
