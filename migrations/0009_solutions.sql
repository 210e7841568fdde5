-- Solutions of the vendor's that a partner sells, separated by `;`: content is selected by them.
ALTER TABLE partner ADD COLUMN solutions TEXT NOT NULL DEFAULT '';
