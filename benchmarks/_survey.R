# The R side of calibrate_survey.py: one process that reads a command a line and answers a line.
#
#   about                            versions of R and survey, and the file of its BLAS
#   load FOLDER UNITS TARGETS LAYOUT the estimate matrix (unit, target), base weights and totals
#   run CALFUN LOWER UPPER EPSILON   grake once: its seconds by R's own clock, then yes or no
#   save FILE                        the weights of the last run
#   collect                          R's rubbish, so that no run pays for another's

suppressPackageStartupMessages(library(survey))
library(MASS) # grake asks for it and survey does not bring it

answer <- function(...) {
  cat(paste(..., sep = "\t"), "\n", sep = "")
  flush(stdout())
}

doubles <- function(folder, name, count) {
  readBin(file.path(folder, name), "double", count)
}

about <- function() {
  blas <- basename(normalizePath(extSoftVersion()[["BLAS"]]))
  answer(R.version.string, as.character(packageVersion("survey")), blas)
}

load_problem <- function(folder, units, targets, layout) {
  mm <- matrix(doubles(folder, "matrix", units * targets), units, targets)
  if (layout == "sparse") mm <- Matrix::Matrix(mm, sparse = TRUE)
  base <- doubles(folder, "base", units)
  list(mm = mm, base = base, totals = doubles(folder, "totals", targets))
}

run <- function(problem, calfun, lower, upper, epsilon) {
  calfun <- list(linear = cal.linear, raking = cal.raking, logit = cal.logit)[[calfun]]
  bounds <- list(lower = lower, upper = upper)
  start <- Sys.time()
  g <- suppressWarnings(grake(
    problem$mm, problem$base, calfun,
    bounds = bounds, population = problem$totals,
    epsilon = epsilon, verbose = FALSE, maxit = 50
  ))
  weights <- problem$base * as.vector(g)
  seconds <- as.numeric(Sys.time() - start, units = "secs")
  answer(format(seconds, digits = 9), if (is.null(attr(g, "failed"))) "yes" else "no")
  weights
}

commands <- file("stdin", "r")
repeat {
  line <- readLines(commands, 1)
  if (length(line) == 0) break
  words <- strsplit(line, "\t")[[1]]
  numbers <- suppressWarnings(as.numeric(words))
  switch(words[1],
    about = about(),
    load = {
      problem <- load_problem(words[2], numbers[3], numbers[4], words[5])
      answer("loaded")
    },
    run = weights <- run(problem, words[2], numbers[3], numbers[4], numbers[5]),
    save = {
      writeBin(weights, words[2])
      answer("saved")
    },
    collect = {
      invisible(gc())
      answer("collected")
    },
    stop("no such command: ", words[1])
  )
}
