// Holds the right to write to the file at PATH, from the moment it says so until its input ends.
import Database from 'libsql'

const database = new Database(process.argv[2])
database.exec('BEGIN IMMEDIATE')
process.stdout.write('locked\n')
process.stdin.resume().on('end', () => {
  database.exec('COMMIT')
  database.close()
})
