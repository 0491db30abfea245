/* leftovers.h - removes what a killed change left behind in the catalogue's tmp/. */
#ifndef CAROUSEL_TX_DAEMON_LEFTOVERS_H
#define CAROUSEL_TX_DAEMON_LEFTOVERS_H

/* Removes tmp/<name>, or all that tmp/ holds (name NULL): files, links and directories with what is in them. No link is
 * followed: nothing outside the directory is touched. What cannot be removed stays for the next time, and so does what
 * lies deeper than 32 directories. Errors: those of file_error() when tmp is there and no directory that can be read
 * (a symbolic link is none). */
int tx_leftovers_remove(const char *tmp, const char *name);

#endif
