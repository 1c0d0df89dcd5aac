// Package access makes folders private, and asks and changes who may do what with files of Windows and which accounts may
// run a service. Away from Windows there is only the first: modes and owners of files are in package os.
package access
