-- Which back end keeps an index of a vector store. It is said before the index is made, and stays when the server's settings
-- change. Indexes of older versions have no row; they are looked for.
CREATE TABLE index_places (
    store_id TEXT NOT NULL,
    index_number BIGINT NOT NULL,
    place TEXT NOT NULL,
    PRIMARY KEY (store_id, index_number)
);
