import { join } from 'node:path'
import type { TypeOrmModuleOptions } from '@nestjs/typeorm'
import Database from 'libsql'
import { DataSource, type DataSourceOptions } from 'typeorm'
import { CreateUsers1764028800000 } from '../users/create-users.migration.js'
import { User } from '../users/user.entity.js'
import { SettingsError, type PortalConfig } from './settings.js'

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
    return { ...schema, type: 'better-sqlite3', driver: Database, database, enableWAL: true, toRetry: () => false }
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
  }
}

/**
 * Connects and runs the migrations.
 *
 * @throws SettingsError that says which database it is
 */
export async function openDatabase(options?: DataSourceOptions): Promise<DataSource> {
  try {
    return await new DataSource(options!).initialize()
  } catch (cause) {
    const which =
      options?.type === 'postgres'
        ? 'The PostgreSQL that DATABASE_URL names'
        : `The SQLite file ${String(options?.database)}`
    throw new SettingsError(`${which} can't be used: ${reason(cause)}. Check that it is there and may be written to.`, {
      cause,
    })
  }
}

/** Where a name has several addresses, Node has an error for each of them and no message for all. */
function reason(error: unknown): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  return first instanceof Error ? first.message : String(first)
}
