"""A dataset of pairs: planned, run, looked at, decided on, and opened again."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Self, overload

from .._align.volume.transform import VolumeTransform
from .._common.errors import InputError
from .._common.given import GivenPath
from .._transform.transform_like import FieldLike, TransformLike
from .._transform.volume_field import VolumeField
from .plan.image_folders import Siblings, path_text
from .plan.pairing import make_plan
from .plan.pairs import Plan, find_pairs
from .records.read import read_record
from .records.record import Number, Record
from .records.reopen import reopened
from .report.report import COLUMNS, HTML
from .run import review
from .run.run_plan import DEFAULT_TIMEOUT, BatchStep, run_plan
from .settings import BatchSettings, checked_settings


class Batch(Plan):
    """Many pairs of images that are aligned, each with its siblings, into one output folder.

    It comes from `Batch.plan`, or of a folder that a run has written to from `Batch.open`. As a
    sequence it holds the names of its pairs; a slice of it, or `where`, is a batch of some of
    them. It does not change: what came of the pairs is in the output folder.

    Attributes
    ----------
    out : Path
        The output folder.
    pairs : tuple of PairFiles
        The files of each pair (`name`, `reference`, `moving`, `siblings`), in the order in which
        they are done.
    problems : tuple of Problem
        Files without a partner and files that cannot be read: `path`, `reason`, and the name of
        the `pair` that fails by it, or None.
    settings : BatchSettings
        How each pair is done.

    Examples
    --------
    >>> from pathlib import Path
    >>> from skimage import data
    >>> from napari_ecc_align import Batch, write_image
    >>> for folder, top in (("ideal", 100), ("scan", 97)):
    ...     Path(folder).mkdir()
    ...     for name, left in (("p1.png", 100), ("p2.png", 200)):
    ...         write_image(f"{folder}/{name}", data.camera()[top : top + 200, left : left + 250])
    >>> batch = Batch.plan("ideal", "scan", "aligned")
    >>> batch
    Batch of 2 pairs, to 'aligned'
    >>> batch.names, batch.report.name
    (('p1.png', 'p2.png'), 'report.html')
    >>> for step in batch.run(workers=1):
    ...     print(step.done, "of", step.total, step.record.name, step.record.outcome)
    1 of 2 p1.png aligned
    2 of 2 p2.png aligned
    >>> Batch.open("aligned").records()["p1.png"].outcome
    'aligned'
    """

    @overload
    @classmethod
    def plan(
        cls,
        reference: GivenPath,
        moving: GivenPath,
        out: GivenPath,
        *,
        siblings: Siblings = ...,
        where: str | Iterable[str] = ...,
        settings: BatchSettings | None = ...,
    ) -> Self: ...
    @overload
    @classmethod
    def plan(
        cls,
        *,
        table: GivenPath,
        out: GivenPath,
        where: str | Iterable[str] = ...,
        settings: BatchSettings | None = ...,
    ) -> Self: ...
    @classmethod
    def plan(
        cls,
        reference: GivenPath | None = None,
        moving: GivenPath | None = None,
        out: GivenPath | None = None,
        *,
        siblings: Siblings = (),
        table: GivenPath | None = None,
        where: str | Iterable[str] = (),
        settings: BatchSettings | None = None,
    ) -> Self:
        """Pair the images of two folders, or those of a table, and look at every file's header.

        Nothing is written.

        Parameters
        ----------
        reference, moving : path
            A folder each, whose images pair by their path below it (if need be without the
            suffix), or a pattern such as ``scans/{name}_gray.png``, in which ``{name}`` is what
            pairs them.
        out : path
            The output folder. It may not be, contain or lie inside a folder of images.
        siblings : path, iterable of path, or mapping of str to path
            Folders or patterns of images that lie on the moving images, and get the same
            transform. A mapping says what the folders of their outputs are called, as ``NAME=``
            before any of these paths does.
        table : path, optional
            Instead of these: a CSV or TSV file with the columns ``reference``, ``moving`` and,
            if wanted, ``sibling:NAME`` and ``name``. Paths in it are relative to its own folder.
        where : str or iterable of str
            Choose pairs, as in `where`.
        settings : BatchSettings, optional
            How each pair is done.

        Returns
        -------
        Batch

        Raises
        ------
        InputError
            If there is no pair, a folder cannot be read, two pairs would write one file, or the
            output folder would touch an input.

        Examples
        --------
        >>> from napari_ecc_align import Batch, BatchSettings
        >>> settings = BatchSettings(model="euclidean")
        >>> batch = Batch.plan(
        ...     "ideal", "scan", "new", siblings={"copy": "ideal"}, where="*1*", settings=settings
        ... )
        >>> batch.names, batch.problems, [*batch.pairs[0].siblings]
        (('p1.png',), (), ['copy'])
        """
        plan = make_plan(
            reference, moving, out, siblings=siblings, table=table, where=where, settings=settings
        )
        return cls(**vars(plan))

    @classmethod
    def open(cls, out: GivenPath) -> Self:
        """Return the batch that a run has written to a folder, from this program or another's.

        Parameters
        ----------
        out : path
            The output folder.

        Returns
        -------
        Batch
            With all pairs that were planned there, done or not.

        Raises
        ------
        InputError
            If no run has written to the folder.

        Examples
        --------
        >>> Batch.open("nowhere")
        Traceback (most recent call last):
        ...
        napari_ecc_align._common.errors.InputError: nowhere holds no batch; ...
        """
        return cls(**vars(reopened(Path(path_text(out, "out, the output folder,")))))

    @property
    def report(self) -> Path:
        """The report of the whole output folder, which is there once a run has been."""
        return self.out / HTML

    def run(
        self,
        names: str | Iterable[str] | None = None,
        *,
        settings: BatchSettings | None = None,
        workers: int | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        cluster: str | None = None,
        overwrite: bool = False,
        cancel: Callable[[], bool] | None = None,
    ) -> Generator[BatchStep, None, None]:
        """Do every pair and yield each as it is finished; those done earlier come first.

        A pair is done again if its inputs or settings have changed, or if it failed for a reason
        that may pass. What a person has decided stays decided.

        Ending the loop, or `cancel`, ends the work; running again goes on where it was. Either
        way the report says how far it came. The processes do not import the script that calls
        this.

        Parameters
        ----------
        names : str or iterable of str, optional
            The pairs to do; all of them when left out.
        settings : BatchSettings, optional
            How these pairs are done, if not as the batch's settings say. Their records remember
            it, and later runs of the same batch do them no other way.
        workers : int, optional
            Processes, each of which uses one core; by default one per core.
        timeout : float, default: 600
            Seconds after which the process of a pair is ended and the pair tried once more.
        cluster : str, optional
            Address of a dask.distributed scheduler, whose workers are used in place of processes
            here.
        overwrite : bool, default: False
            Replace files in the output folder that no run has written.
        cancel : callable, optional
            Asked about ten times a second; returns True to end the run.

        Returns
        -------
        iterator of BatchStep
            Of each finished pair the `record`, how many are `done` of the `total`, the `counts`
            by outcome, and whether it was `resumed` from an earlier run. Nothing is done before
            the first is asked for.

        Raises
        ------
        InputError
            If there is no pair of a name, another run has the output folder, it cannot be
            written to, or no process or cluster can be had; at the end, if the report cannot be
            written.

        Examples
        --------
        >>> from napari_ecc_align import Batch, BatchSettings
        >>> batch = Batch.open("aligned")
        >>> for step in batch.run("p2.png", settings=BatchSettings(model="similarity"), workers=1):
        ...     print(step.record.outcome, step.record.transform.model)
        aligned similarity
        >>> [step.resumed for step in batch.run()]
        [True, True]
        """
        pairs = self.pairs if names is None else find_pairs(self.pairs, names)
        if workers is not None and not (isinstance(workers, int) and workers > 0):
            raise InputError(f"workers must be a number of processes, not {workers!r}")
        return run_plan(
            self,
            pairs,
            settings=None if settings is None else checked_settings(settings),
            workers=workers,
            timeout=timeout,
            cluster=cluster,
            overwrite=overwrite,
            cancel=cancel,
        )

    def records(self) -> dict[str, Record]:
        """Return what came of each pair that is done, by name.

        Examples
        --------
        >>> from napari_ecc_align import Batch
        >>> record = Batch.open("aligned").records()["p2.png"]
        >>> record.outcome, record.needs_review
        ('aligned', False)
        """
        found = ((name, read_record(self.out, name)) for name in self)
        return {name: record for name, record in found if record is not None}

    def to_dict(self) -> dict[str, list[Number]]:
        """Return a row for each pair, by column: ``pandas.DataFrame`` takes it as it is.

        Returns
        -------
        dict of str to list
            The columns of ``report.csv``; of pairs that are not done, all but the name are None.

        Examples
        --------
        >>> from napari_ecc_align import Batch
        >>> table = Batch.open("aligned").where("*2*").to_dict()
        >>> table["name"], table["outcome"]
        (['p2.png'], ['aligned'])
        """
        done = self.records()
        rows = [done[name].to_dict() if name in done else {"name": name} for name in self]
        return {column: [row.get(column) for row in rows] for column in COLUMNS}

    def accept(self, name: str, *, note: str = "") -> Record:
        """Call a doubtful or rejected pair aligned, because a person has looked at it.

        Parameters
        ----------
        name, note : str
            Of the pair, and anything worth keeping.

        Returns
        -------
        Record
            The pair's new record. Its outputs are written if they had been skipped.

        Raises
        ------
        InputError
            If there is no such pair, it has no transform to accept, its files cannot be read or
            written, or a run has the folder. Then nothing has changed.

        Examples
        --------
        >>> from napari_ecc_align import Batch
        >>> Batch.open("aligned").accept("p1.png", note="faded, but right").reason
        'Accepted by a person. faded, but right'
        """
        return review.accept(self, name, note=note)

    def correct(
        self,
        name: str,
        transform: TransformLike | FieldLike | VolumeTransform | VolumeField,
        *,
        note: str = "",
    ) -> Record:
        """Do a pair with a transform that a person has found.

        Parameters
        ----------
        name : str
            Of the pair.
        transform : Transform, Field, result or array_like
            Maps reference pixels to moving pixels; of volumes a VolumeTransform or VolumeField.
        note : str
            Anything worth keeping.

        Returns
        -------
        Record
            The pair's new record.

        Raises
        ------
        InputError
            If there is no such pair, the transform is none or lays nothing on the reference, the
            pair's files cannot be read or written, or a run has the folder. Then nothing has
            changed: the outputs and the record of before are there.

        Examples
        --------
        >>> from napari_ecc_align import Batch
        >>> by_hand = [[1, 0, 0], [0, 1, 3], [0, 0, 1]]
        >>> Batch.open("aligned").correct("p1.png", by_hand).review.decision
        'corrected'
        """
        return review.correct(self, name, transform, note=note)

    def reject(self, name: str, *, note: str = "") -> Record:
        """Call a pair failed, because a person has looked at it; its outputs are removed.

        Parameters
        ----------
        name, note : str
            Of the pair, and anything worth keeping.

        Returns
        -------
        Record
            The pair's new record.

        Raises
        ------
        InputError
            If there is no such pair, it has not been done yet, or a run has the folder. Then
            nothing has changed.

        Examples
        --------
        >>> from napari_ecc_align import Batch
        >>> Batch.open("aligned").reject("p1.png", note="another page").reason
        'Rejected by a person. another page'
        """
        return review.reject(self, name, note=note)

    def undo(self, name: str) -> Record:
        """Take the last decision on a pair back: it is as it was before.

        Parameters
        ----------
        name : str
            Of the pair.

        Returns
        -------
        Record
            The pair's new record; what no person had decided on before is done as a run does it.

        Raises
        ------
        InputError
            If there is no such pair, nobody has decided on it, its files cannot be read or
            written, or a run has the folder. Then nothing has changed.

        Examples
        --------
        >>> from napari_ecc_align import Batch
        >>> batch = Batch.open("aligned")
        >>> batch.reject("p2.png").outcome, batch.undo("p2.png").outcome
        ('failed', 'aligned')
        """
        return review.undo(self, name)
