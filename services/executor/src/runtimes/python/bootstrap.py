# Started by the platform. All work is done in a module, because a module is compiled once and a script at every start.
import tollgate_bootstrap

tollgate_bootstrap.main()
