import { join } from 'node:path'
import type { TypeOrmModuleOptions } from '@nestjs/typeorm'
import Database from 'libsql'
import { CreateUsers1764028800000 } from '../users/create-users.migration.js'
import { User } from '../users/user.entity.js'
import type { PortalConfig } from './settings.js'

/**
 * Users in SQLite, in the data folder, or in the PostgreSQL at `DATABASE_URL`.
 *
 * The schema comes from migrations that run at the start, in development as in production; `synchronize` stays off,
 * because it would change the tables of a live database to whatever the entities say.
 */
export function databaseOptions(config: PortalConfig): TypeOrmModuleOptions {
  const databaseUrl = config.get('databaseUrl', { infer: true })
  const schema = { entities: [User], migrations: [CreateUsers1764028800000], migrationsRun: true, synchronize: false }
  if (databaseUrl === undefined) {
    const database = join(config.get('dataFolder', { infer: true }), 'users.db')
    // libsql has the calls of better-sqlite3, and its binary comes as a package.
    return { ...schema, type: 'better-sqlite3', driver: Database, database, enableWAL: true, retryAttempts: 1 }
  }
  return {
    ...schema,
    type: 'postgres',
    url: databaseUrl,
    connectTimeoutMS: 5000,
    applicationName: 'portal',
    // A database that is starting too, and another portal that runs the same migrations.
    retryAttempts: 5,
    retryDelay: 1000,
    verboseRetryLog: true,
  }
}
