// Package access asks and changes who may do what with files of Windows, and which accounts may run a service. Away from
// Windows there is nothing in it: modes and owners of files are in package os.
package access
