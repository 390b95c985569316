"""One module for each kind of stage: ``make(work, folder)`` reads earlier artefacts and fills its own folder."""
