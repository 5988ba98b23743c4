import { Table, type MigrationInterface, type QueryRunner } from 'typeorm'

/** The same table on SQLite and on PostgreSQL. TypeORM orders migrations by the time in their names. */
export class CreateUsers1764028800000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createTable(
      new Table({
        name: 'users',
        columns: [
          { name: 'id', type: 'integer', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          { name: 'email', type: 'text', isUnique: true },
          { name: 'name', type: 'text' },
          { name: 'role', type: 'text', default: "'user'" },
          { name: 'password_hash', type: 'text' },
        ],
      }),
    )
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('users')
  }
}
